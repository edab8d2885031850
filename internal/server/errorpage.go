package server

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"httpmaster/config"
	"httpmaster/proxy"
)

// errorPage loads the page that file names, or gives inherited when it names
// none.
func (b *builder) errorPage(file config.Text, inherited *proxy.ErrorPage) *proxy.ErrorPage {
	if file.Value == "" {
		return inherited
	}
	path := b.cfg.Resolve(file.Value)
	html, err := os.ReadFile(path)
	if err != nil {
		b.faults.Errorf(file.Pos, "cannot read the page: %v", err)
		return inherited
	}
	return &proxy.ErrorPage{HTML: inlineImages(html, filepath.Dir(path))}
}

var imageSource = regexp.MustCompile(`(<img\b[^>]*?\ssrc=)"([^"/\\:]+)"`)

// inlineImages puts the pictures that lie beside a page into the page: an error
// page must not need further requests, which would fail as well. Only plain
// file names in the page's own folder are touched.
func inlineImages(html []byte, dir string) []byte {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return html
	}
	defer root.Close()
	return imageSource.ReplaceAllFunc(html, func(tag []byte) []byte {
		parts := imageSource.FindSubmatch(tag)
		image, err := root.ReadFile(string(parts[2]))
		if err != nil {
			return tag
		}
		mime := http.DetectContentType(image)
		if strings.HasSuffix(strings.ToLower(string(parts[2])), ".svg") {
			mime = "image/svg+xml"
		}
		return []byte(string(parts[1]) + `"data:` + mime + ";base64," + base64.StdEncoding.EncodeToString(image) + `"`)
	})
}
