import CofferSystem

/// Why a server's oplog does not lead on from what is stored.
struct OplogGap: DiagnosableError, Equatable {
  let place: String
  let missing: ReceivedOplog.Missing

  var diagnosis: Diagnosis {
    let (stored, found) = (missing.mark.time, missing.found.time)
    let what =
      stored == found
      ? "has another entry of \(stored.text) than the one that is stored last"
      : "has not the entry of \(stored.text) any more that is stored last: its next is of \(found.text)"
    return Diagnosis(
      subject: place, problem: "The server's oplog \(what)",
      suggestion:
        "It holds too little and has thrown it away (make it larger: replSetResizeOplog), it was rolled back after a "
        + "change of the primary, or the server is of another set, which needs an entry of its own. Run it once with "
        + "--leave-gap: the log goes on at what the server has. Make a dump behind that, for those from before the gap lead "
        + "no further than to it")
  }
}
