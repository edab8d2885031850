package config

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"reflect"
)

// Fingerprint is the same for two values of this package, such as a [Target] or
// a [Verb], that say the same, wherever in their files they stand. Contents of
// files that they name are no part of it.
func Fingerprint(v any) [sha256.Size]byte {
	f := fingerprint{sha256.New()}
	f.value(reflect.ValueOf(v))
	var sum [sha256.Size]byte
	f.Sum(sum[:0])
	return sum
}

type fingerprint struct{ hash.Hash }

var (
	textType = reflect.TypeFor[Text]()
	posType  = reflect.TypeFor[Pos]()
)

// value adds what v holds. Everything whose length varies begins with it, so
// that nothing can be taken for something else.
func (f fingerprint) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Invalid:
		f.count(-1)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			f.count(-1)
			return
		}
		f.text(v.Elem().Type().String()) // which verb it is
		f.value(v.Elem())
	case reflect.Struct:
		f.fields(v)
	case reflect.Slice:
		if v.IsNil() {
			f.count(-1) // which is not an empty list
			return
		}
		f.count(v.Len())
		for i := range v.Len() {
			f.value(v.Index(i))
		}
	default:
		f.text(fmt.Sprint(v))
	}
}

func (f fingerprint) fields(v reflect.Value) {
	if v.Type() == textType {
		f.text(v.Field(0).String()) // Value: its place does not count
		return
	}
	if s, ok := v.Interface().(fmt.Stringer); ok { // netip.Prefix
		f.text(s.String())
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Type != posType {
			f.value(v.Field(i))
		}
	}
}

func (f fingerprint) text(s string) {
	f.count(len(s))
	f.Write([]byte(s))
}

func (f fingerprint) count(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	f.Write(b[:])
}
