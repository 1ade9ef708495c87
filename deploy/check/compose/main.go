// Loads docker-compose.yml as `docker compose config` does, with all profiles, and checks what a reader may rely on.
// usage: compose FILE ENV_FILE
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const proxy = "proxy"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: compose FILE ENV_FILE")
		os.Exit(2)
	}
	project, err := load(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	faults := check(project)
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d services, %d volumes; only %q publishes ports\n", len(project.Services), len(project.Volumes), proxy)
}

func load(file, envFile string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithEnvFiles(envFile), cli.WithDotEnv, cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true),
		// A clone has no .env, which the service reads too.
		cli.WithoutEnvironmentResolution)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func check(project *types.Project) []string {
	var faults []string
	for name, service := range project.Services {
		fault := func(format string, values ...any) {
			faults = append(faults, name+": "+fmt.Sprintf(format, values...))
		}
		if (len(service.Ports) > 0) != (name == proxy) {
			fault("publishes %d ports; only %s should", len(service.Ports), proxy)
		}
		for _, port := range service.Ports {
			if port.Target != 8081 && port.HostIP != "127.0.0.1" {
				fault("publishes %d on all addresses", port.Target)
			}
		}
		if service.Build == nil && service.PullPolicy != types.PullPolicyNever && !tagged(service.Image) {
			fault("%q names no version", service.Image)
		}
		if service.ContainerName != "" {
			fault("container_name keeps it from being scaled")
		}
		for variable, value := range service.Environment {
			if value == nil {
				fault("%s has no value", variable)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				fault("mounts %s, which does not exist", filepath.Base(volume.Source))
			}
			if !volume.ReadOnly {
				fault("may write to %s", volume.Source)
			}
		}
	}
	sort.Strings(faults)
	return faults
}

func tagged(image string) bool {
	_, tag, found := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return found && tag != "latest"
}
