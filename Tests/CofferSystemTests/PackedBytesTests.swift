import Foundation
import TestSupport
import Testing

@testable import CofferSystem

@Suite("Bytes that are packed, and mounts that are known")
struct PackedBytesTests {
  @Test("Every piece comes back as it was, empty ones and long ones too")
  func pieces() {
    var random = SeededRandom(3)
    let pieces = (0..<3000).map { number -> [UInt8] in
      let count = number % 500 == 7 ? 1_500_000 / 3 : Int.random(in: 0...300, using: &random)
      return random.bytes(count)
    }
    var packed = PackedBytes()
    for piece in pieces { packed.append(piece) }
    #expect(packed.count == pieces.count)
    for (number, piece) in pieces.enumerated() { #expect(packed[number].elementsEqual(piece)) }
  }

  @Test("Of the table of mounts those of this program are known, whatever their folders are called")
  func mounts() {
    let mounts = FuseMounts {
      """
      28 1 254:0 / / rw,relatime - ext4 /dev/root rw
      91 28 0:53 / /mnt/a\\040-\\040b ro,nosuid,nodev master:7 - fuse.coffer coffer ro,user_id=0,group_id=0
      92 28 0:54 / /mnt/fuse.coffer rw shared:1 - fuse.sshfs fuse.coffer rw
      93 28 0:55 - fuse.coffer
      """
    }
    #expect(mounts.hold(device: makedev(0, 53)))
    for number in [54, 55] as [UInt32] { #expect(!mounts.hold(device: makedev(0, number))) }
    #expect(!mounts.hold(device: makedev(254, 0)))
  }

  @Test("A device's number that another file system has got meanwhile is no mount of this program's")
  func reusedDevice() {
    let kinds = Monitor(["fuse.coffer", "fuse.coffer", "tmpfs"])
    let mounts = FuseMounts {
      let kind = kinds.update { $0.removeFirst() }
      return "91 28 0:53 / /mnt rw - \(kind) coffer rw"
    }
    #expect(mounts.hold(device: makedev(0, 53)))
    #expect(!mounts.hold(device: makedev(0, 53)))
    // What was no mount at first is not looked for again.
    #expect(!mounts.hold(device: makedev(0, 54)))
  }

  private func makedev(_ major: UInt32, _ minor: UInt32) -> dev_t { dev_t(major << 8 | minor) }
}
