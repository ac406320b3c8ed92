# The path patterns, from routes.yaml. Both files are identical in the two modules. A
# pattern is an exact path or ends in "/*": both load balancers match these the same way.

locals {
  routes = yamldecode(file("${path.module}/routes.yaml"))

  pages = concat(local.routes.ui.pages.dashboard, local.routes.ui.pages.plain)

  # One file for each pair of a page and a file of routes.yaml.
  page_file_pairs   = setproduct(local.pages, local.routes.ui.page_files)
  page_folder_files = [for pair in local.page_file_pairs : join("/", compact(pair))]

  # The export of the dashboard encodes the route group (dashboard) as
  # "!KGRhc2hib2FyZCk".
  dashboard_file_parts = {
    for page in local.routes.ui.pages.dashboard :
    page => compact(["__next.!KGRhc2hib2FyZCk", replace(page, "/", "."), "__PAGE__.txt"])
  }
  dashboard_files = [
    for page in local.routes.ui.pages.dashboard :
    trimprefix("${page}/${join(".", local.dashboard_file_parts[page])}", "/")
  ]
  plain_files = [
    for page in local.routes.ui.pages.plain :
    "${page}/__next.${replace(page, "/", ".")}.__PAGE__.txt"
  ]

  page_files = concat(
    [for page in local.pages : "${page}.txt" if page != ""],
    local.page_folder_files,
    local.dashboard_files,
    local.plain_files,
  )

  ui_base_paths = concat(
    local.routes.ui.exact,
    [for prefix in local.routes.ui.prefixes : "${prefix}*"],
  )

  ui_page_paths = [for file in local.page_files : "/${file}"]

  ui_paths = concat(local.ui_base_paths, local.ui_page_paths)

  gateway_prefix_paths = flatten([
    for prefix in local.routes.gateway.prefixes :
    endswith(prefix, "/") ? ["${prefix}*"] : [prefix, "${prefix}/*"]
  ])

  gateway_paths = distinct(concat(
    local.routes.gateway.exact, local.gateway_prefix_paths, var.extra_gateway_paths,
  ))
}
