import CofferRepository
import CofferSystem
import Foundation

// stage-speeds FILE FOLDER prints a line for each stage of a backup: its name, the bytes that went in, the seconds it took.
// stage-speeds --marking COUNT FOLDER prints what it costs to mark all chunks of such an index.
// stage-speeds --index COUNT FOLDER [FILE] prints what an index of so many chunks costs, and a backup of FILE on top of it.
let arguments = Array(CommandLine.arguments.dropFirst())
do {
  if (3...4).contains(arguments.count), arguments[0] == "--index", let count = Int(arguments[1]) {
    let sample = arguments.count == 4 ? arguments[3] : nil
    let scale = try IndexScale(chunkCount: count, sample: sample, folder: arguments[2])
    for figure in scale.figures { print(figure.what, figure.value, separator: "\t") }
  } else if arguments.count == 3, arguments[0] == "--marking", let count = Int(arguments[1]) {
    let scale = try MarkingScale(chunkCount: count, folder: arguments[2])
    for figure in scale.figures { print(figure.what, figure.value, separator: "\t") }
  } else if arguments.count == 2 {
    let speeds = try StageSpeeds(sample: arguments[0], folder: arguments[1])
    for stage in speeds.stages { print(stage.name, stage.bytes, stage.seconds, separator: "\t") }
  } else {
    print(
      "usage: stage-speeds FILE FOLDER | stage-speeds --index COUNT FOLDER [FILE] | stage-speeds --marking COUNT FOLDER"
    )
    exit(2)
  }
} catch {
  FileHandle.standardError.write(Data("stage-speeds: \(error)\n".utf8))
  exit(1)
}
