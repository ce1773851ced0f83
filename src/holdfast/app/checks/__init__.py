"""What `holdfast config check` looks at: each part by itself, nothing made or changed but probes that are removed."""
