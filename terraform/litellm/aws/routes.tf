# The path patterns, from routes.yaml, and the rules of the load balancer. Both files are
# identical in the two modules. A pattern is an exact path, ends in "/*", or is "/*.txt".

locals {
  routes = yamldecode(file("${path.module}/routes.yaml"))

  gateway_prefix_paths = {
    for list in ["prefixes", "file_prefixes"] : list => flatten([
      for prefix in local.routes.gateway[list] :
      endswith(prefix, "/") ? ["${prefix}*"] : [prefix, "${prefix}/*"]
    ])
  }

  gateway_paths = {
    api   = concat(local.routes.gateway.exact, local.gateway_prefix_paths["prefixes"])
    files = concat(local.gateway_prefix_paths["file_prefixes"], var.extra_gateway_paths)
  }

  ui_paths = concat(
    local.routes.ui.exact,
    [for prefix in local.routes.ui.prefixes : "${prefix}*"],
  )
}

# ---- Rules ----

locals {
  # Both load balancers apply the first rule that matches, by priority. Each group has a
  # fixed range of priorities, so that a longer list does not move the rules of another
  # group. Two rules can not share a priority during an apply.
  #
  # Browsers only fetch the files of the dashboard. Other methods go to the API.
  rule_groups = [
    { name = "gateway-files", target = "gateway", first = 1000, methods = [], paths = distinct(local.gateway_paths["files"]) },
    { name = "backend", target = "backend", first = 2000, methods = [], paths = local.other_paths["backend"] },
    { name = "ui-files", target = "ui", first = 3000, methods = ["GET", "HEAD"], paths = ["/*.txt"] },
    { name = "gateway", target = "gateway", first = 4000, methods = [], paths = local.other_paths["gateway"] },
    { name = "ui", target = "ui", first = 5000, methods = [], paths = local.ui_paths },
  ]

  # A path in extra_gateway_paths may equal one of these, and then replaces it.
  other_paths = {
    for component, paths in { backend = local.routes.backend.exact, gateway = local.gateway_paths["api"] } :
    component => [for path in paths : path if !contains(var.extra_gateway_paths, path)]
  }

  routing_rules = flatten([
    for group in local.rule_groups : [
      for i, paths in chunklist(group.paths, local.paths_per_rule) : {
        key      = format("%s-%02d", group.name, i)
        target   = group.target
        priority = group.first + i
        paths    = paths
        methods  = group.methods
      }
    ]
  ])
}
