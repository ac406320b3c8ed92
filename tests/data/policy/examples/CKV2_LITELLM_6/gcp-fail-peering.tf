resource "google_service_networking_connection" "subject" {
  network                 = "projects/acme-prod-1/global/networks/main"
  service                 = "netapp.servicenetworking.goog"
  reserved_peering_ranges = ["main"]
}
