import CofferRepository
import CofferSystem
import Foundation

// stage-speeds FILE FOLDER prints a line for each stage of a backup: its name, the bytes that went in, the seconds it took.
// stage-speeds --index COUNT FOLDER prints what an index of so many chunks costs.
let arguments = CommandLine.arguments.dropFirst()
do {
  if arguments.count == 3, arguments.first == "--index", let count = Int(CommandLine.arguments[2]) {
    let figures = try IndexScale.measure(chunkCount: count, folder: CommandLine.arguments[3])
    print("chunks", figures.chunkCount, separator: "\t")
    print("file, bytes", figures.fileSize, separator: "\t")
    print("made in, seconds", figures.buildSeconds, separator: "\t")
    print("opened in, seconds", figures.openSeconds, separator: "\t")
    print("the next chunk of a stream, nanoseconds", figures.followingNanoseconds, separator: "\t")
    print("any known chunk, nanoseconds", figures.knownNanoseconds, separator: "\t")
    print("an unknown chunk, nanoseconds", figures.unknownNanoseconds, separator: "\t")
    print("memory that no file stands behind, bytes", figures.anonymousMemory, separator: "\t")
  } else if arguments.count == 2 {
    let speeds = try StageSpeeds(sample: CommandLine.arguments[1], folder: CommandLine.arguments[2])
    for stage in speeds.stages { print(stage.name, stage.bytes, stage.seconds, separator: "\t") }
  } else {
    print("usage: stage-speeds FILE FOLDER | stage-speeds --index COUNT FOLDER")
    exit(2)
  }
} catch {
  FileHandle.standardError.write(Data("stage-speeds: \(error)\n".utf8))
  exit(1)
}
