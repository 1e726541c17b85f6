/// Options of systems that Coffer does not work with. Each is an error: left out in silence, it would take with it
/// what the user relies on.
public enum RefusedOptions {
  private static let snapshots =
    "Coffer makes no file system snapshots. Take one in a 'before: action' command and list its folder in source_directories"

  static let schema = OptionSchema(
    "Not supported",
    [
      .refused("zfs", .section(nil), instead: snapshots),
      .refused("btrfs", .section(nil), instead: snapshots),
      .refused("lvm", .section(nil), instead: snapshots),
      .refused(
        "influxdb_databases", .list(.section(nil)),
        instead:
          "Coffer does not dump InfluxDB. Write a dump by 'influx backup' in a command and list its folder in source_directories"
      ),
      .refused(
        "openldap_databases", .list(.section(nil)),
        instead:
          "Coffer does not dump OpenLDAP. Write a dump by 'slapcat' in a command and list its folder in source_directories"
      ),
    ])
}
