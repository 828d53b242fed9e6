// A router that is played: it reads the configuration that Contender writes for an Envoy, carries no request, and tells
// what an Envoy would that does, in Envoy's words. Each model is asked `rate` times a second, and its variants in
// proportion to the weights that the router was configured with.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	address   = ":9902"
	config    = "/config/..data" // the kubelet swaps this link
	bootstrap = "/bootstrap/envoy.json"
	rate      = 1000.0 // requests a second to each model
	taken     = 5      // ms that each took
)

var (
	asked = regexp.MustCompile(`listener\\\.of_([a-z0-9-]+)\\\.worker`) // whose counters the operator's filter wants
	split = regexp.MustCompile(`(?:^| )([a-z0-9-]+):(\w+)=(\d+)(?:,(\w+)=(\d+))?`)
)

// cluster counts what one of Envoy's clusters was asked.
type cluster struct {
	name   string
	weight float64 // of all requests to the model
	asked  float64
}

type router struct {
	sync.Mutex
	began    time.Time
	counted  time.Time // until when `asked` of all clusters is up to date
	read     string    // where the link led when it was read
	version  string    // of the route table
	clusters map[string]map[string]*cluster
	buckets  []float64
}

type file struct {
	Version   string `json:"version_info"`
	Resources []struct{ Name string }
}

func main() {
	r := &router{began: time.Now(), counted: time.Now()}
	if err := r.readBootstrap(); err != nil {
		log.Fatal(err)
	}
	go func() {
		for ; ; time.Sleep(100 * time.Millisecond) {
			if err := r.readConfig(); err != nil {
				log.Print(err)
			}
		}
	}()
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "LIVE") })
	http.HandleFunc("/stats/prometheus", r.tell)
	log.Fatal(http.ListenAndServe(address, nil))
}

func (r *router) readBootstrap() error {
	var known struct {
		Stats struct {
			Histograms []struct{ Buckets []float64 } `json:"histogram_bucket_settings"`
		} `json:"stats_config"`
	}
	text, err := os.ReadFile(bootstrap)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err == nil {
		r.buckets = known.Stats.Histograms[0].Buckets
	}
	return err
}

// readConfig takes the newest configuration over, if it is another than before.
func (r *router) readConfig() error {
	link, err := os.Readlink(config)
	if err != nil || link == r.read {
		return err
	}
	var clusters, routes file
	for name, into := range map[string]*file{"cds.json": &clusters, "rds.json": &routes} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(config), link, name))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	r.Lock()
	defer r.Unlock()
	r.count()
	r.read, r.version = link, routes.Version
	r.replace(clusters, weights(routes.Version))
	return nil
}

// weights by cluster, as the version of the route table has them.
func weights(version string) map[string]float64 {
	found := map[string]float64{}
	for _, each := range split.FindAllStringSubmatch(version, -1) {
		for i := 2; i < len(each) && each[i] != ""; i += 2 {
			percent, _ := strconv.ParseFloat(each[i+1], 64)
			found[each[1]+"_"+each[i]+"_live"] = percent / 100
		}
	}
	return found
}

// replace keeps the counters of the clusters that stay.
func (r *router) replace(wanted file, weights map[string]float64) {
	before := r.clusters
	r.clusters = map[string]map[string]*cluster{}
	for _, each := range wanted.Resources {
		model, _, _ := strings.Cut(each.Name, "_")
		if r.clusters[model] == nil {
			r.clusters[model] = map[string]*cluster{}
		}
		known := before[model][each.Name]
		if known == nil {
			known = &cluster{name: each.Name}
		}
		known.weight = weights[each.Name]
		r.clusters[model][each.Name] = known
	}
}

// count brings every counter up to now.
func (r *router) count() {
	now := time.Now()
	for _, of := range r.clusters {
		for _, each := range of {
			each.asked += rate * each.weight * now.Sub(r.counted).Seconds()
		}
	}
	r.counted = now
}

func (r *router) tell(w http.ResponseWriter, request *http.Request) {
	filter := request.URL.Query().Get("filter")
	found := asked.FindStringSubmatch(filter)
	if found == nil {
		http.Error(w, "the filter names no ModelDeployment", http.StatusBadRequest)
		return
	}
	r.Lock()
	defer r.Unlock()
	r.count()
	fmt.Fprintf(w, "# TYPE envoy_server_uptime gauge\nenvoy_server_uptime{} %d\n", int(time.Since(r.began).Seconds()))
	fmt.Fprintf(w, "# TYPE envoy_server_concurrency gauge\nenvoy_server_concurrency{} 1\n")
	if of := r.clusters[found[1]]; of != nil {
		r.tellOf(w, found[1], of)
		if strings.Contains(filter, "upstream_rq_time)") {
			r.tellTimes(w, of)
		}
	}
}

func (r *router) tellOf(w io.Writer, model string, of map[string]*cluster) {
	prefix := "of_" + model
	fmt.Fprintf(w, "# TYPE envoy_http_rds_version_text gauge\n")
	fmt.Fprintf(w, "envoy_http_rds_version_text{envoy_http_conn_manager_prefix=%q,text_value=%q} 0\n", prefix, r.version)
	fmt.Fprintf(w, "# TYPE envoy_listener_worker_downstream_cx_active gauge\n")
	fmt.Fprintf(w, "envoy_listener_worker_downstream_cx_active{envoy_worker_id=\"0\",envoy_listener_address=%q} 1\n", prefix)
	gauges := map[string]int{
		"membership_total": 1, "warming_state": 0, "upstream_rq_active": 0, "upstream_rq_pending_active": 0,
	}
	for name, value := range gauges {
		fmt.Fprintf(w, "# TYPE envoy_cluster_%s gauge\n", name)
		for _, each := range of {
			fmt.Fprintf(w, "envoy_cluster_%s{envoy_cluster_name=%q} %d\n", name, each.name, value)
		}
	}
	for _, name := range []string{"completed", "retry", "timeout", "pending_overflow"} {
		fmt.Fprintf(w, "# TYPE envoy_cluster_upstream_rq_%s counter\n", name)
		for _, each := range of {
			fmt.Fprintf(w, "envoy_cluster_upstream_rq_%s{envoy_cluster_name=%q} %d\n", name, each.name, each.counter(name))
		}
	}
}

// counter is the value of one: all that is asked is answered, and well.
func (c *cluster) counter(name string) int {
	if name == "completed" {
		return int(c.asked)
	}
	return 0
}

func (r *router) tellTimes(w io.Writer, of map[string]*cluster) {
	fmt.Fprintf(w, "# TYPE envoy_cluster_upstream_rq_time histogram\n")
	for _, each := range of {
		r.tellTimesOf(w, each)
	}
}

// tellTimesOf is silent of a cluster that was never asked, as Envoy is.
func (r *router) tellTimesOf(w io.Writer, of *cluster) {
	total := int(of.asked)
	if total == 0 {
		return
	}
	for _, edge := range r.buckets {
		within := 0
		if edge >= taken {
			within = total
		}
		fmt.Fprintf(w, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"%g\"} %d\n", of.name, edge, within)
	}
	fmt.Fprintf(w, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"+Inf\"} %d\n", of.name, total)
	fmt.Fprintf(w, "envoy_cluster_upstream_rq_time_sum{envoy_cluster_name=%q} %d\n", of.name, total*taken)
	fmt.Fprintf(w, "envoy_cluster_upstream_rq_time_count{envoy_cluster_name=%q} %d\n", of.name, total)
}
