package tunnel

import (
	"encoding/base64"
	"slices"
)

// base64Reader decodes messages of the subprotocol base64, piece by piece.
type base64Reader struct {
	carry  []byte // less than 4 characters, to be decoded with those that follow
	padded bool   // the message is at its end: there was padding
}

// read gives the bytes of the next piece, or why the tunnel ends.
func (r *base64Reader) read(p piece) ([]byte, *ending) {
	if p.op != opText {
		return nil, &ending{closeUnsupported, "the base64 subprotocol carries text only", errText}
	}
	text := append(r.carry, make([]byte, len(p.payload))...)[:len(r.carry)]
	text = slices.DeleteFunc(p.appendTo(text), func(c byte) bool { return c == '\r' || c == '\n' })
	whole := len(text) / 4 * 4
	out, err := base64.StdEncoding.AppendDecode(nil, text[:whole])
	if err != nil || r.padded && len(text) > 0 || p.end && whole < len(text) {
		return nil, &ending{closeInvalid, "a message is not base64", errText}
	}
	r.padded = (r.padded || whole > 0 && text[whole-1] == '=') && !p.end
	r.carry = append(r.carry[:0], text[whole:]...)
	return out, nil
}

// writeBase64 sends p as messages of the subprotocol base64.
func (c *Conn) writeBase64(p []byte) error {
	buf := getBuffer(largest - 1) // maxPayload
	defer putBuffer(buf)
	for part := range slices.Chunk(p, base64.StdEncoding.DecodedLen(maxPayload/4*4)) {
		text := base64.StdEncoding.AppendEncode(buf.bytes[:headRoom], part)
		if err := c.write(c.frame(opText, text)); err != nil {
			return err
		}
	}
	return nil
}
