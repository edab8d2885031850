package config

// The patterns of the schema. They are regular expressions that JavaScript and
// Go read alike.
const (
	textPattern     = `^[^\n\r]*\S[^\n\r]*$`
	tokenPattern    = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
	durationPattern = `^[+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|ms|s|m|h))+$`
	networkPattern  = `^[0-9A-Fa-f.:/, ]+$`
	addressPattern  = `^(unix:[^@].*|([^/]*:)?[1-9][0-9]{0,4})$`
	sizePattern     = `^[0-9]+\s*([kKmMgG][iI]?[bB]|[bB])?$`
	ratePattern     = `^\s*[0-9.]+\s*/\s*[smh]\s*$`
)

// anyText is text as scalarText takes it: numbers may stand without quotes.
var anyText = schema{"type": []string{"string", "number"}, "pattern": textPattern}

func ref(name string) schema { return schema{"$ref": "#/$defs/" + name} }

func pattern(p string) schema { return schema{"type": "string", "pattern": p} }

func enum(values ...any) schema { return schema{"enum": values} }

func anyOf(some ...schema) schema { return schema{"anyOf": some} }

func integer(least, most int) schema {
	return schema{"type": "integer", "minimum": least, "maximum": most}
}

// listOf is a list; one element may stand without the brackets.
func listOf(element schema) schema {
	return anyOf(element, schema{"type": "array", "items": element})
}

// mapOf is a map whose keys the author chooses.
func mapOf(keys string, value schema) schema {
	return schema{
		"type":                 "object",
		"minProperties":        1,
		"propertyNames":        schema{"pattern": keys},
		"additionalProperties": value,
	}
}

func needs(name string) schema { return schema{"required": []string{name}} }

func isTrue(name string) schema {
	return schema{"required": []string{name}, "properties": schema{name: schema{"const": true}}}
}
