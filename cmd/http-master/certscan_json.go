package main

import (
	"encoding/json"
	"io"
	"time"
)

// The JSON form. Its names are for scripts and do not change.
type (
	jsonScan struct {
		Folder       string            `json:"folder"`
		OK           bool              `json:"ok"`
		Certificates []jsonCertificate `json:"certificates"`
		Files        []jsonFile        `json:"files"`
		Notices      []jsonNotice      `json:"notices"`
	}
	jsonCertificate struct {
		Names         []string  `json:"names"`
		Addresses     []string  `json:"addresses"`
		Issuer        string    `json:"issuer"`
		NotBefore     time.Time `json:"notBefore"`
		NotAfter      time.Time `json:"notAfter"`
		Days          int       `json:"days"` // until notAfter, negative when it has passed
		Files         []string  `json:"files"`
		KeyFiles      []string  `json:"keyFiles"`
		Chain         []string  `json:"chain"`
		MissingIssuer string    `json:"missingIssuer"`
		ChainEnd      string    `json:"chainEnd"`   // the issuer that the chain ends at where nobody here knows it: a private root, or one that is missing
		MustStaple    bool      `json:"mustStaple"` // clients are asked to refuse it without an OCSP answer
		Serves        []string  `json:"serves"`     // the names that clients get it for
		Served        bool      `json:"served"`
		Problem       string    `json:"problem"`
	}
	jsonFile struct {
		Path         string   `json:"path"`
		SameAs       string   `json:"sameAs"`
		Certificates int      `json:"certificates"`
		Authorities  int      `json:"authorities"`
		Keys         int      `json:"keys"`
		Problems     []string `json:"problems"`
	}
	jsonNotice struct {
		File string `json:"file"`
		Text string `json:"text"`
		Mend bool   `json:"mend"`
	}
)

func (s *scanReport) writeJSON(w io.Writer) error {
	out := jsonScan{
		Folder: s.folder.Dir, OK: s.faults() == 0 && len(s.folder.Usable()) > 0,
		Certificates: []jsonCertificate{}, Files: []jsonFile{}, Notices: []jsonNotice{},
	}
	for _, c := range s.folder.Certificates {
		addresses := []string{}
		for _, ip := range c.IPs {
			addresses = append(addresses, ip.String())
		}
		out.Certificates = append(out.Certificates, jsonCertificate{
			Names: neverNull(c.Names), Addresses: addresses, Issuer: issuerName(c.Leaf),
			NotBefore: c.Leaf.NotBefore, NotAfter: c.Leaf.NotAfter, Days: daysLeft(c.Leaf.NotAfter, s.now),
			Files: neverNull(c.Files), KeyFiles: neverNull(c.KeyFiles),
			Chain: issuerNames(c), MissingIssuer: c.Missing, ChainEnd: c.Ends,
			MustStaple: c.MustStaple(), Serves: neverNull(c.Serves), Served: c.Usable(), Problem: c.Problem,
		})
	}
	for _, f := range s.folder.Files {
		out.Files = append(out.Files, jsonFile{
			Path: f.Path, SameAs: f.SameAs, Certificates: len(f.Certificates),
			Authorities: len(f.Authorities), Keys: f.Keys, Problems: neverNull(f.Problems),
		})
	}
	for _, n := range s.folder.Notices {
		out.Notices = append(out.Notices, jsonNotice{n.File, n.Text, !n.Minor})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

// neverNull gives a list that is not null in JSON.
func neverNull(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
