// Reads Kubernetes objects, YAML documents on standard input, strictly: an unknown kind, an unknown field or a wrong type fails.
// Prints a line for each.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	count, failed := 0, false
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if len(document) < 8 { // a separator alone
			continue
		}
		var object runtime.Object
		object, kind, err := strict.Decode(document, nil, nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
			continue
		}
		_ = object
		fmt.Printf("%s %s: good\n", kind.GroupVersion(), kind.Kind)
		count++
	}
	if failed || count == 0 {
		os.Exit(1)
	}
}
