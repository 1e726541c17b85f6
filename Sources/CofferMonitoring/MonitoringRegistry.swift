/// The services there are. A new one is one more line.
public enum MonitoringRegistry {
  public static let services: [any MonitoringService.Type] = [
    Healthchecks.self,
    WatchGoose.self,
    Cronitor.self,
    UptimeKuma.self,
    Sentry.self,
    Ntfy.self,
    Pushover.self,
    PagerDuty.self,
    Apprise.self,
    Zabbix.self,
    Loki.self,
    Email.self,
    PrometheusTextfile.self,
  ]
}
