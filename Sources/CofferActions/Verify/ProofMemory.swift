import CofferSystem
import FoundationEssentials
import Glibc

/// The last proof of each database, in this machine's state folder. It is evidence for whoever may write there, no more.
struct ProofMemory {
  private let memory: CheckMemory

  private static let file: EntryName = "proofs"
  private static let sizeLimit = 64 << 20

  init(_ memory: CheckMemory) {
    self.memory = memory
  }

  /// The newest proof of each database; none when there is no file, or nothing of it can be read: then it was not proven.
  func proofs() -> [Proof] {
    guard let folder = try? Folder.trusted(memory.base, .links).folder(memory.repository),
      let bytes = try? folder.read(Self.file, limit: Self.sizeLimit),
      let proofs = try? JSONDecoder().decode([Proof].self, from: Data(bytes))
    else { return [] }
    return proofs.filter { PlausibleProof.isOne($0) }
  }

  /// Remembers proofs in place of older ones of the same databases. One that failed does not take the place of one that did
  /// not, but stands beside it until the next one that does not.
  ///
  /// - Throws: `UntrustedPlace`; `SystemError`; `EncodingError`.
  func note(_ new: [Proof]) throws {
    var kept = proofs()
    for proof in new {
      kept.removeAll { $0.dump.isSame(as: proof.dump) && (proof.isProven || !$0.isProven) }
      kept.append(proof)
    }
    try memory.folder().replace(Self.file, with: Array(try JSONEncoder().encode(kept)))
  }
}

/// Whether numbers that stand in a file are some that a drill can have written.
private enum PlausibleProof {
  static func isOne(_ proof: Proof) -> Bool {
    let time = proof.time.timeIntervalSince1970
    return time.isFinite && (0...253_402_300_799).contains(time)
      && proof.seconds.map { $0.isFinite && $0 >= 0 && $0 < 1e9 } ?? true
  }
}
