import CofferConfiguration

/// The options of `prometheus`.
public enum PrometheusOptions {
  public static let textfile = OptionKey<String>(
    "textfile",
    "The file to write; its name must end in .prom. Point node_exporter's --collector.textfile.directory at its folder.",
    example: "/var/lib/node_exporter/coffer.prom", isRequired: true)

  public static let section = OptionKey<ConfigurationSection>(
    "prometheus", "Write figures for Prometheus: times, sizes and databases.", support: .own,
    schema: OptionSchema("Prometheus", [textfile.option]))
}
