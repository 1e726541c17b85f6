import CofferRepository
import CofferSystem
import Foundation

// Prints a line for each stage of a backup: its name, the bytes that went in, and the seconds it took.
guard CommandLine.arguments.count == 3 else {
  print("usage: stage-speeds FILE FOLDER")
  exit(2)
}
do {
  let speeds = try StageSpeeds(sample: CommandLine.arguments[1], folder: CommandLine.arguments[2])
  for stage in speeds.stages { print(stage.name, stage.bytes, stage.seconds, separator: "\t") }
} catch {
  FileHandle.standardError.write(Data("stage-speeds: \(error)\n".utf8))
  exit(1)
}
