package main

import (
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

// One member that forgets: its data need not outlive the machine, so nothing is synced to disk.
func etcdCommand() *cobra.Command {
	config := embed.NewConfig()
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true
	var client, peer string
	command := &cobra.Command{Use: "etcd", SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
		clientURL, err := url.Parse(client)
		if err != nil {
			return err
		}
		peerURL, err := url.Parse(peer)
		if err != nil {
			return err
		}
		config.ListenClientUrls = []url.URL{*clientURL}
		config.AdvertiseClientUrls = config.ListenClientUrls
		config.ListenPeerUrls = []url.URL{*peerURL}
		config.AdvertisePeerUrls = config.ListenPeerUrls
		config.InitialCluster = config.InitialClusterFromName(config.Name)
		return serveEtcd(config)
	}}
	flags := command.Flags()
	flags.StringVar(&config.Dir, "data-dir", "", "where the data are")
	flags.StringVar(&client, "client-url", "", "URL for clients, e.g. http://127.0.0.1:2379")
	flags.StringVar(&peer, "peer-url", "", "URL for peers; nobody calls")
	return command
}

func serveEtcd(config *embed.Config) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	select {
	case <-server.Server.ReadyNotify():
		fmt.Println("etcd ready")
	case err := <-server.Err():
		return err
	case <-ended:
		return nil
	}
	select {
	case <-ended:
		return nil
	case err := <-server.Err():
		return err
	}
}
