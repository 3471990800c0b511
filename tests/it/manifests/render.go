// Renders a Helm chart as `helm template` does: Go's own templates, the functions of sprig, and the three that Helm adds
// and the chart uses. What is missing in the values is an error here, and nothing there. Needs Debian's
// golang-github-masterminds-sprig-dev and golang-k8s-sigs-yaml-dev; no cluster, no network.
//
//	go run render.go CHART RELEASE NAMESPACE [VALUES.yaml...]
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type values = map[string]interface{}

func main() {
	if len(os.Args) < 4 {
		stop("usage: render CHART RELEASE NAMESPACE [VALUES.yaml...]")
	}
	chart, release, namespace := os.Args[1], os.Args[2], os.Args[3]
	all := read(filepath.Join(chart, "values.yaml"))
	for _, file := range os.Args[4:] {
		merge(all, read(file))
	}
	about := read(filepath.Join(chart, "Chart.yaml"))
	scope := values{
		"Values":  all,
		"Release": values{"Name": release, "Namespace": namespace, "Service": "Helm", "IsInstall": true, "Revision": 1},
		// Helm shows the file's fields with capitals.
		"Chart": values{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
	}
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	check(err)
	sort.Strings(files)
	root := template.New("chart").Option("missingkey=error")
	root.Funcs(functions(root))
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		_, err = root.New(filepath.Base(file)).Parse(string(text))
		check(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var out bytes.Buffer
		check(root.ExecuteTemplate(&out, name, scope))
		if strings.TrimSpace(out.String()) == "" {
			continue
		}
		if name == "NOTES.txt" {
			fmt.Fprint(os.Stderr, out.String())
			continue
		}
		fmt.Printf("---\n# Source: %s\n%s\n", name, out.String())
	}
}

// As `pkg/engine/engine.go` of Helm: without the environment, which no chart may read.
func functions(root *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	all["include"] = func(name string, data interface{}) (string, error) {
		var out strings.Builder
		err := root.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	all["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	return all
}

func read(file string) values {
	text, err := os.ReadFile(file)
	check(err)
	found := values{}
	check(yaml.UnmarshalStrict(text, &found))
	return found
}

// Maps are merged, everything else is replaced.
func merge(into, from values) {
	for key, value := range from {
		under, isMap := value.(values)
		present, wasMap := into[key].(values)
		if isMap && wasMap {
			merge(present, under)
		} else {
			into[key] = value
		}
	}
}

func check(err error) {
	if err != nil {
		stop(err.Error())
	}
}

func stop(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
