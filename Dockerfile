# Both programs, static, in an image with nothing else in it but the roots that
# upstream certificates are verified against.
#
#   docker build -t http-master .
#   docker run -p 80:80 -p 443:443 -v /etc/http-master:/etc/http-master:ro http-master

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X httpmaster/internal/version.release=${VERSION}" -o /out/ ./cmd/http-master ./cmd/dewebsockify

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/http-master /out/dewebsockify /usr/bin/
# No root: container engines let any user of a container bind its ports 80 and
# 443. certDir and config.yaml must be readable for this user.
USER 65532:65532
# Where selfSigned keeps its authority; mount a volume to keep it.
ENV XDG_CONFIG_HOME=/config
EXPOSE 80 443
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/http-master"]
CMD ["--config", "/etc/http-master/config.yaml"]
