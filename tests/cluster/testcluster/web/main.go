// A web server that tells who it is and what it was asked: the content of a pod that tests the cluster itself.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
)

type answer struct {
	Pod    string      `json:"pod"`
	Mark   string      `json:"mark"`
	Host   string      `json:"host"`
	Path   string      `json:"path"`
	Header http.Header `json:"header"`
}

func main() {
	// For `kubectl exec`, as there is no shell beside it.
	if len(os.Args) > 1 && os.Args[1] == "say" {
		fmt.Println(strings.Join(os.Args[2:], " "))
		return
	}
	pod, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		err := json.NewEncoder(w).Encode(answer{pod, os.Getenv("MARK"), r.Host, r.URL.Path, r.Header})
		if err != nil {
			log.Print(err)
		}
	})
	log.Print("listening")
	log.Fatal(http.ListenAndServe(":8080", nil))
}
