// The program's start is in C, because only here is it certain that the arguments are those it was started with. Swift's own
// CommandLine finds them through /proc and the environment's place in memory; without the one, or once a preloaded
// library has moved the other, it finds none, and a program without arguments makes backups.

extern int coffer_main(int count, char **arguments);

int main(int count, char **arguments) { return coffer_main(count, arguments); }
