// probe answers HTTP on every port that it is given and, asked to, connects to another address from where it runs.
//
//	GET /               -> the pod's name
//	GET /dial?to=A:P    -> "connected", or why not
//	GET /resolve?name=N -> addresses, or why not
//	GET /write?text=T   -> appends to /data/text; GET /read returns it
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		w.Header().Set("X-Peer", host)
		fmt.Fprint(w, os.Getenv("HOSTNAME"))
	})
	http.HandleFunc("/dial", func(w http.ResponseWriter, r *http.Request) {
		connection, err := net.DialTimeout("tcp", r.URL.Query().Get("to"), 1500*time.Millisecond)
		if err != nil {
			fmt.Fprint(w, err)
			return
		}
		connection.Close()
		fmt.Fprint(w, "connected")
	})
	http.HandleFunc("/resolve", func(w http.ResponseWriter, r *http.Request) {
		addresses, err := net.LookupHost(r.URL.Query().Get("name"))
		fmt.Fprint(w, addresses, err)
	})
	http.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		if err := os.WriteFile("/data/text", []byte(r.URL.Query().Get("text")), 0o600); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	http.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile("/data/text")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		w.Write(text)
	})
	for _, port := range os.Args[2:] {
		go func() { log.Fatal(http.ListenAndServe(":"+port, nil)) }()
	}
	log.Fatal(http.ListenAndServe(":"+os.Args[1], nil))
}
