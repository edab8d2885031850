package server

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestErrorPageHasItsPictures serves pages whose pictures lie beside them, and
// tells which of three pages an answer has.
func TestErrorPageHasItsPictures(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "pages")
	for name, content := range map[string]string{
		"logo.png":       "\x89PNG\r\n\x1a\n",
		"LOGO.SVG":       "<svg/>",
		"below/logo.png": "\x89PNG\r\n\x1a\n",
		"../logo.png":    "\x89PNG\r\n\x1a\n",
		"top.html":       "top",
		"port.html": `port <img alt="a" src="logo.png"><img src="LOGO.SVG" alt="b"><img data-src="logo.png" src="gone.png">` +
			`<img src="below/logo.png"><img src="../logo.png"><img src="https://a.test/logo.png"><script src="logo.png">`,
		"reject.html": "reject",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(parent, "logo.png"), filepath.Join(dir, "gone.png")); err != nil {
		t.Fatal(err)
	}
	ports := freePorts(t, 2)
	start(t, fmt.Sprintf(`
errorHtmlFile: %[3]q
ports:
  %[1]q: {"a.test": 1}
  %[2]q:
    router:
      "/gone": {$: reject, code: 410, htmlFile: %[5]q}
    errorHtmlFile: %[4]q
`, ports[0], ports[1], filepath.Join(dir, "top.html"), filepath.Join(dir, "port.html"), filepath.Join(dir, "reject.html")))
	withPictures := `port <img alt="a" src="data:image/png;base64,iVBORw0KGgo="><img src="data:image/svg+xml;base64,PHN2Zy8+" alt="b"><img data-src="logo.png" src="gone.png">` +
		`<img src="below/logo.png"><img src="../logo.png"><img src="https://a.test/logo.png"><script src="logo.png">`
	for _, test := range []struct {
		name, port, path string
		status           int
		body             string
	}{
		{"the top's", ports[0], "/", 404, "top"},
		{"the port's", ports[1], "/", 404, withPictures},
		{"the verb's", ports[1], "/gone", 410, "reject"},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, body := get(t, client(t, test.port), "http://b.test"+test.path)
			if response.StatusCode != test.status || body != test.body {
				t.Errorf("got %d\n%s\nwant %d\n%s", response.StatusCode, body, test.status, test.body)
			}
		})
	}
}
