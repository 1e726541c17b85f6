/// Which files are backed up, and what of them.
public enum SourceOptions {
  public static let mustExist = OptionKey<Bool>(
    "source_directories_must_exist",
    "Whether a source that is missing keeps the backup from being made. If not, it is a warning.", default: true)
  public static let patterns = OptionKey<[String]>(
    "patterns",
    "Lines of 'R PATH' for a folder to back up, '+ PATTERN' to keep, '- PATTERN' or '! PATTERN' to leave out, and 'P STYLE'. The first pattern that matches counts; the style is sh unless a line says otherwise.",
    example: "[\"+ home/*/keep\", \"- home/*/.cache\"]")
  public static let patternsFrom = OptionKey<[String]>(
    "patterns_from", "Files of lines like those of patterns.", example: "[/etc/coffer/patterns]")
  public static let excludePatterns = OptionKey<[String]>(
    "exclude_patterns", "Patterns of paths to leave out; the style is fm unless one says otherwise.",
    example: "[\"*.pyc\", /home/*/.cache]")
  public static let excludeFrom = OptionKey<[String]>(
    "exclude_from", "Files of lines like those of exclude_patterns.", example: "[/etc/coffer/excludes]")
  public static let excludeCaches = OptionKey<Bool>(
    "exclude_caches", "Leave out folders with a file CACHEDIR.TAG that says what such a file has to say.",
    default: false)
  public static let excludeIfPresent = OptionKey<[String]>(
    "exclude_if_present", "Leave out folders that hold a file or a folder of one of these names.",
    example: "[.nobackup]")
  public static let keepExcludeTags = OptionKey<Bool>(
    "keep_exclude_tags", "Keep the folders that the two options above leave out, with nothing but the mark in them.",
    default: false)
  public static let excludeNoDump = OptionKey<Bool>(
    "exclude_nodump", "Leave out files and folders with the file flag 'd' (chattr +d).", default: false)
  public static let oneFileSystem = OptionKey<Bool>(
    "one_file_system", "Do not look into folders that another file system is mounted on.", default: false)
  public static let numericIDs = OptionKey<Bool>(
    "numeric_ids", "Keep the numbers of owners and groups, but not their names.", default: false)

  public static let filesCache = OptionKey<FilesCacheMode>(
    "files_cache",
    "What has to be the same of a file that is not read again: ctime,size,inode, mtime,size,inode, ctime,size, mtime,size or size. rechunk,ctime and rechunk,mtime read every file and remember it; disabled reads every file and remembers nothing.",
    default: .standard)
  public static let filesCacheRuns = OptionKey<Int>(
    "borg_files_cache_ttl", "For how many runs that do not find a file it is remembered.",
    in: NumberRange.countsFromOne, default: 20)
  public static let accessTime = OptionKey<Bool>(
    "atime", "Keep the time of the last access, and read files without changing it.", default: false)
  private static let changeTime = OptionKey<Bool?>(
    "ctime", "Keep the time of the last change of a file's facts.",
    support: .ignored("No system lets this time be set, so it is not kept"))
  private static let birthTime = OptionKey<Bool?>(
    "birthtime", "Keep the time at which a file was made.",
    support: .ignored("Linux does not let this time be set, so it is not kept"))
  public static let flags = OptionKey<Bool>(
    "flags", "Keep file flags (chattr), those that say that a file must not be changed for example.", default: true)
  private static let readSpecial = OptionKey<Bool?>(
    "read_special", "Read devices and FIFOs like files.",
    support: .ignored("Devices, FIFOs and sockets are kept as what they are, and never read; dumps need no such thing"))

  public static let schema = OptionSchema(
    "Files",
    [
      mustExist.option, patterns.option, patternsFrom.option, excludePatterns.option, excludeFrom.option,
      excludeCaches.option, excludeIfPresent.option, keepExcludeTags.option, excludeNoDump.option,
      oneFileSystem.option, filesCache.option, filesCacheRuns.option, numericIDs.option, accessTime.option,
      changeTime.option, birthTime.option, flags.option,
      readSpecial.option,
    ])
}
