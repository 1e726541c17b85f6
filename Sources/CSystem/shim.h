// Linux interfaces that the toolchain's Glibc module leaves out.
#include <sys/eventfd.h>
