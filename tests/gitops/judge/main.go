// Judge says what GitOps tools make of objects: kstatus by its own library, Argo CD by a health check in Lua.
//
// It reads {"checks": {<kind>: <Lua>}, "objects": [...]} and writes a list of {"kstatus", "argo", "message"}.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Checks  map[string]string
	Objects []map[string]any
}

type answer struct {
	Kstatus string `json:"kstatus"`
	Argo    string `json:"argo"`
	Message string `json:"message"`
}

func main() {
	if err := judge(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	answers := []answer{}
	for _, object := range asked.Objects {
		told, err := of(object, asked.Checks)
		if err != nil {
			return err
		}
		answers = append(answers, told)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func of(object map[string]any, checks map[string]string) (answer, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return answer{}, err
	}
	// As clients read it: kstatus wants whole numbers as integers.
	parsed := &unstructured.Unstructured{}
	if err := parsed.UnmarshalJSON(raw); err != nil {
		return answer{}, err
	}
	result, err := status.Compute(parsed)
	if err != nil {
		return answer{}, err
	}
	health, message, err := argo(object, checks[parsed.GetKind()])
	return answer{string(result.Status), health, message}, err
}

// argo runs a check as Argo CD does: the object is the global `obj`, the answer a table, and few libraries are open.
func argo(object map[string]any, check string) (string, string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return "", "", err
		}
	}
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(check); err != nil {
		return "", "", err
	}
	answered, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the check returned no table")
	}
	return lua.LVAsString(answered.RawGetString("status")), lua.LVAsString(answered.RawGetString("message")), nil
}

func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case string:
		return lua.LString(from)
	case bool:
		return lua.LBool(from)
	case float64:
		return lua.LNumber(from)
	case []any:
		table := state.NewTable()
		for _, each := range from {
			table.Append(value(state, each))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, each := range from {
			table.RawSetString(key, value(state, each))
		}
		return table
	}
	return lua.LNil
}
