#define _GNU_SOURCE
#include "CSpawn.h"

#include <sys/socket.h>

long coffer_peer_user(int socket) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? (long)peer.uid : -1;
}
