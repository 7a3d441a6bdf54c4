"""A process that has imported what kernels need, and becomes one in each of its forks.

This file is run as a program by `forks`, outside every sandbox or in one that has the same files
as a student's; it uses the standard library alone and never runs a student's code. Each request on
its socket is one JSON object with open files beside it, the first of which gets the answer. The
fork enters the sandbox that bubblewrap has made for it (`setns`), gives up every right as
bubblewrap's own child does, and only then becomes a kernel. Whatever fails before ends the fork,
and with it the sandbox.
"""

import contextlib
import ctypes
import gc
import importlib.abc
import importlib.machinery
import json
import os
import signal
import socket
import sys
import time

# What each namespace is called by setns(2): mount, cgroup, uts, ipc, user, pid, net.
NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
# prctl(2)
PDEATHSIG, DUMPABLE, SECCOMP, CAPBSET_DROP, NO_NEW_PRIVS, CAP_AMBIENT = 1, 4, 22, 24, 38, 47
CAPABILITY_VERSION_3 = 0x20080522
MOST_FILES, MOST_BYTES = 5, 1 << 16
# What a package imports only when it is first used, which then takes a second: for PyTorch, when
# the first optimizer is made.
LATER = {"torch": "torch._dynamo"}
KERNEL = 3  # the kernel's process id in a sandbox: the process between it and us was 2

libc = ctypes.CDLL(None, use_errno=True)
generators: list = []  # of random numbers


class Program(ctypes.Structure):
    """`struct sock_fprog`: a filter of system calls."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class Later(importlib.abc.Loader):
    """Modules that have been imported ahead: not to be seen until one of them is asked for.

    It stands in `sys.meta_path` until then, and gives the modules back as they are.
    """

    def __init__(self, names):
        before, environment = set(sys.modules), dict(os.environ)
        for name in names:
            importlib.import_module(name)
        self.modules = {name: sys.modules[name] for name in sys.modules if name not in before}
        self.specs = {name: module.__spec__ for name, module in self.modules.items()}
        self.parents = [  # that are to be seen, and what they hold
            (sys.modules[parent], child, module)
            for name, module in self.modules.items()
            for parent, _, child in [name.rpartition(".")]
            if parent in before and vars(sys.modules[parent]).get(child) is module
        ]
        for name in self.modules:
            del sys.modules[name]
        for parent, child, _ in self.parents:
            delattr(parent, child)
        self.environment = {n: os.environ[n] for n in os.environ if n not in environment}
        for name in self.environment:
            del os.environ[name]

    def find_spec(self, name, path=None, target=None):
        if name not in self.modules:
            return None
        sys.modules.update(self.modules)
        for parent, child, module in self.parents:
            setattr(parent, child, module)
        for variable, value in self.environment.items():
            os.environ.setdefault(variable, value)
        if self in sys.meta_path:  # another thread may have asked as well
            sys.meta_path.remove(self)
        return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        return self.modules[spec.name]

    def exec_module(self, module):
        module.__spec__ = self.specs[module.__name__]


def do(answer):
    """The answer of a system call; OSError if it is -1."""
    if answer == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def serve(line):
    """Fork for each request, until nobody is left who could ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while True:
        text, files, _, _ = socket.recv_fds(line, MOST_BYTES, MOST_FILES)
        if not text:
            return None
        try:
            child = os.fork()
        except OSError as error:  # out of memory or processes, maybe for a moment only
            child = -(error.errno or 1)
        if child == 0:
            line.close()
            os.close(files[0])
            return json.loads(text), files[1:]
        with contextlib.suppress(OSError):  # whoever asked may be gone
            os.write(files[0], str(child).encode())
        for file in files:
            os.close(file)


def read_line(file):
    """The next line of a pipe, which is written piece by piece."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(file, 1)
        if not piece:
            raise OSError("the sandbox ended before it was ready")
        line += piece
    return line


def enter(inside, files):
    """Go into the sandbox whose process 1 says that it is ready, as a child of that process."""
    status, ready, *group = files
    if os.read(ready, 1) != b"1":
        raise OSError("the sandbox ended before it was ready")
    process = int(json.loads(read_line(status))["child-pid"])
    try:
        if group:
            os.write(group[0], b"0\n")
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        if inside["cores"]:
            os.sched_setaffinity(0, inside["cores"])
        do(libc.setns(os.pidfd_open(process), inside["namespaces"]))
        middle = os.fork()  # a new process id namespace holds for children
        if middle:
            os.waitpid(middle, 0)
            os._exit(0)
        if os.fork():  # process 1 of the namespace is then the parent
            os._exit(0)
        while os.path.exists("/proc/2"):  # that was `middle`
            time.sleep(0.0005)
    except BaseException:
        os.kill(process, signal.SIGKILL)
        raise


def give_up_rights(inside):
    """User id, capabilities, limits and system calls, as bubblewrap and util-linux set them."""
    known = "resource" in sys.modules
    resource = importlib.import_module("resource")
    if not known:  # no kernel has imported it
        del sys.modules["resource"]
    for name, (soft, hard) in inside["rlimits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (soft, hard))
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    do(libc.prctl(CAP_AMBIENT, 4, 0, 0, 0))  # PR_CAP_AMBIENT_CLEAR_ALL
    for capability in range(last + 1):
        do(libc.prctl(CAPBSET_DROP, capability, 0, 0, 0))
    if inside["uid"] is not None:
        os.setgroups([])
        os.setresgid(*[inside["uid"]] * 3)
        os.setresuid(*[inside["uid"]] * 3)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    do(libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))
    do(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    do(libc.prctl(DUMPABLE, 1, 0, 0, 0))  # as after a program's start; it was lost with the user id
    bpf = bytes.fromhex(inside["filter"])
    instructions = ctypes.create_string_buffer(bpf, len(bpf))
    program = Program(len(bpf) // 8, ctypes.addressof(instructions))
    do(libc.prctl(SECCOMP, 2, ctypes.byref(program), 0, 0))  # 2: a filter


def become(request):
    """Look like a program that was started by `request["argv"]`: files, names, random numbers."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2 if request["prints"] else null, 1)
    os.close(null)
    os.chdir(request["cwd"])
    os.umask(0o022)
    os.environ.update(request["environment"])
    argv = request["argv"]
    sys.orig_argv[:] = argv
    sys.argv[:] = request["sys_argv"]
    show(argv)
    for generator in generators:
        generator.seed()


def find_generators(modules):
    """What draws random numbers, and would draw the same ones in each fork: all have a `seed`."""
    found = [modules[name] for name in ("numpy.random", "torch") if name in modules]
    if "random" in modules:  # its own generator, and those that libraries have made, like SymPy's
        kind = modules["random"].Random
        found += [each for each in gc.get_objects() if isinstance(each, kind)]
    return found


def show(argv):
    """Write `argv` over the arguments that this process was started with, for /proc."""
    with open("/proc/self/stat") as file:
        numbers = file.read().rpartition(")")[2].split()
    start, end = int(numbers[45]), int(numbers[46])  # arg_start, arg_end: see proc(5)
    text = b"\0".join(os.fsencode(argument) for argument in argv) + b"\0"
    if 0 < len(text) <= end - start:
        ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def main():
    """Import, say so, and serve; in a fork: returns the code that it is to run."""
    line = socket.socket(fileno=int(sys.argv[1]))
    del sys.path[0]  # this file's folder
    if os.getsid(0) != os.getpid():
        os.setsid()
    do(libc.prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    for name in json.loads(sys.argv[2]):
        importlib.import_module(name)
    ahead = [name for package, name in LATER.items() if package in sys.modules]
    modules = dict(sys.modules)
    if ahead:
        sys.meta_path.insert(0, later := Later(ahead))
        modules |= later.modules
    gc.collect()
    generators[:] = find_generators(modules)
    gc.freeze()  # what is here is shared by the forks as long as nobody writes to it
    tops = sorted({name.partition(".")[0] for name in sys.modules})
    line.send(json.dumps({"pid": os.getpid(), "modules": tops}).encode())
    forked = serve(line)
    if forked is None:
        os._exit(0)
    request, (log, *files) = forked
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(log, 2)
        if request["inside"]:
            enter(request["inside"], files)
        else:
            do(libc.prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0))
        os.setsid()
        become(request)
        if request["inside"]:
            give_up_rights(request["inside"])
    except BaseException as error:
        import traceback

        os.write(2, traceback.format_exc().encode())
        os.write(2, f"zygote: {type(error).__name__}: {error}\n".encode())
        os._exit(1)
    return request["code"]


if __name__ == "__main__":
    exec(main(), {"__name__": "__main__"})
