# The same file, byte for byte, in both modules. A pattern is an exact path or
# ends in "/*", the one form that both load balancers read alike.

locals {
  _routes = yamldecode(file("${path.module}/routes.yaml"))

  _page_files = concat(
    [
      for page in concat(local._routes.ui.pages.dashboard, local._routes.ui.pages.plain) :
      "${page}.txt" if page != ""
    ],
    [
      for pair in setproduct(
        concat(local._routes.ui.pages.dashboard, local._routes.ui.pages.plain),
        local._routes.ui.page_files,
      ) : join("/", compact(pair))
    ],
    # "!KGRhc2hib2FyZCk" is how the export writes the route group (dashboard).
    [
      for page in local._routes.ui.pages.dashboard : join("/", compact([
        page,
        join(".", compact(["__next.!KGRhc2hib2FyZCk", replace(page, "/", "."), "__PAGE__.txt"])),
      ]))
    ],
    [
      for page in local._routes.ui.pages.plain :
      "${page}/__next.${replace(page, "/", ".")}.__PAGE__.txt"
    ],
  )

  ui_base_paths = concat(
    local._routes.ui.exact,
    [for prefix in local._routes.ui.prefixes : "${prefix}*"],
  )

  ui_page_paths = [for file in local._page_files : "/${file}"]

  ui_paths = concat(local.ui_base_paths, local.ui_page_paths)

  gateway_paths = distinct(concat(
    local._routes.gateway.exact,
    flatten([
      for prefix in local._routes.gateway.prefixes :
      endswith(prefix, "/") ? ["${prefix}*"] : [prefix, "${prefix}/*"]
    ]),
    var.extra_gateway_paths,
  ))
}
