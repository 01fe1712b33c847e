/* A libcuda that pretends to have one device, for tests of what happens when the driver says no. Built by `cargo xtask cuda-fake`.
 *
 * Every function can be told to fail (`fake_fail`). Memory is the host's, kernels are run by the test (`fake_on_launch`), and all
 * that is made is counted until it is unmade (`fake_alive`). Misuse of the driver is noted (`fake_misuse`).
 *
 * A kernel has stored all its messages when its launch returns. While events answer "not ready" (`fake_events_answer`) it counts as
 * running: what waits for its stream then waits, as with the legacy default stream. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_CONTEXT = 201,
       INVALID_PTX = 218, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, UNSUPPORTED = 900 };

enum kind { CONTEXT, STREAM, EVENT, MODULE, DEVICE, MANAGED, PINNED, KINDS };
static const char *const KIND_NAMES[KINDS] = { "context", "stream", "event", "module", "device", "managed", "pinned" };

/* Whatever the driver hands out. Never freed, so that stale handles are recognised. */
struct thing {
    enum kind kind;
    int alive;
    /* Of streams: whether kernels run in it (of modules: of it), whether it and the default stream wait for each other, whether
     * its work is captured. Of events: whether it was recorded in a capture. */
    int busy, blocking, captured;
    struct thing *context, *next;
    void *memory;
    char *text;
};

struct copy { void *to; void *from; size_t bytes; void *stream; struct copy *next; };
struct function { struct thing *module; char name[128]; struct function *next; };

enum { MOST_CALLS = 1 << 16, DEPTH = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Kernels have ended. */
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct thing *things, *primary;
/* What the default stream does. */
static struct thing default_stream = { .kind = KINDS, .blocking = 1 };
static struct function *functions;
static struct copy *staged;
static int retained, is_initialized, has_managed = 1;
static unsigned event_answer, sticky;
static unsigned long orphans;
static size_t memory_limit = (size_t)1 << 32;
static const char *calls[MOST_CALLS];
static unsigned call_count, misuses;
static char misuse[256];
static struct { char call[64]; unsigned first, times, code, seen; } failure;
static void (*on_launch)(const char *name, void **arguments);
static __thread struct thing *current[DEPTH];
static __thread int depth;
/* 0: what the thread calls may have to do with captures of other threads. */
static __thread unsigned capture_mode;

#define EXPORT __attribute__((visibility("default")))

/* The test's side. */

/* All kernels have ended. The lock is held. */
static void end_kernels(void) {
    default_stream.busy = 0;
    for (struct thing *thing = things; thing; thing = thing->next) thing->busy = 0;
    pthread_cond_broadcast(&ended);
}

/* Forgets failures, answers, limits and notes; what is alive stays so. */
EXPORT void fake_reset(void) {
    pthread_mutex_lock(&lock);
    end_kernels();
    memset(&failure, 0, sizeof failure);
    call_count = misuses = sticky = event_answer = 0;
    orphans = 0;
    misuse[0] = 0;
    memory_limit = (size_t)1 << 32;
    has_managed = 1;
    pthread_mutex_unlock(&lock);
}

/* The calls of `call` (of any, if it is empty) from the `first`th from now on fail with `code`, `times` times. */
EXPORT void fake_fail(const char *call, unsigned first, unsigned times, unsigned code) {
    pthread_mutex_lock(&lock);
    memset(&failure, 0, sizeof failure);
    snprintf(failure.call, sizeof failure.call, "%s", call);
    failure.first = first, failure.times = times, failure.code = code;
    pthread_mutex_unlock(&lock);
}

/* What events answer: 0 done, 600 not ready. Kernels that are launched while it is 600 run until it is something else. */
EXPORT void fake_events_answer(unsigned code) {
    pthread_mutex_lock(&lock);
    event_answer = code;
    if (code != NOT_READY) end_kernels();
    pthread_mutex_unlock(&lock);
}

/* Whether what goes into a stream is captured into a graph. (The default stream cannot be.) */
EXPORT void fake_capture(struct thing *stream, int is_captured) { stream->captured = is_captured; }

/* A kernel has faulted: from now on nearly every call fails with `code`, until the context is gone. */
EXPORT void fake_fault(unsigned code) { sticky = code; }

EXPORT void fake_set_managed(int has) { has_managed = has; }
EXPORT void fake_limit_memory(size_t bytes) { memory_limit = bytes; }
EXPORT void fake_on_launch(void (*callback)(const char *, void **)) { on_launch = callback; }

/* The calls since the last reset, in order; null behind the last. */
EXPORT const char *fake_call(unsigned index) { return index < call_count && index < MOST_CALLS ? calls[index] : NULL; }

/* How many things of a kind are alive. */
EXPORT unsigned long fake_alive(const char *kind) {
    unsigned long count = 0;
    pthread_mutex_lock(&lock);
    for (struct thing *thing = things; thing; thing = thing->next)
        count += thing->alive && !strcmp(KIND_NAMES[thing->kind], kind);
    pthread_mutex_unlock(&lock);
    return count;
}

/* How many things went away with their context since the last reset, rather than being unmade. */
EXPORT unsigned long fake_orphans(void) { return orphans; }

/* Ends all contexts and empties the thread's stack of them: a clean slate after a test that leaks on purpose. */
static void end_context(struct thing *context);
EXPORT void fake_end_all(void) {
    pthread_mutex_lock(&lock);
    for (struct thing *thing = things; thing; thing = thing->next)
        if (thing->kind == CONTEXT && thing->alive) end_context(thing);
    primary = NULL, retained = 0, depth = 0;
    pthread_mutex_unlock(&lock);
}

/* What was done that a driver must not be asked, or null. */
EXPORT const char *fake_misuse(void) { return misuses ? misuse : NULL; }

/* How the functions work. */

static void note(const char *call, const char *what) {
    if (!misuses++) snprintf(misuse, sizeof misuse, "%s: %s", call, what);
}

/* Notes the call, and says whether it has to fail. The lock is held. */
static unsigned enter(const char *call) {
    if (call_count < MOST_CALLS) calls[call_count] = call;
    call_count++;
    if (failure.times && (!failure.call[0] || !strcmp(failure.call, call))) {
        failure.seen++;
        if (failure.seen >= failure.first && failure.seen - failure.first < failure.times) return failure.code;
    }
    return OK;
}

static struct thing *make(enum kind kind, struct thing *context) {
    struct thing *thing = calloc(1, sizeof *thing);
    if (!thing) abort();
    *thing = (struct thing){ .kind = kind, .alive = 1, .context = context, .next = things };
    return things = thing;
}

static int is_alive(const void *handle, enum kind kind) {
    for (struct thing *thing = things; thing; thing = thing->next)
        if (thing == handle) return thing->kind == kind && thing->alive;
    return 0;
}

static struct thing *now(void) { return depth ? current[depth - 1] : NULL; }

static void end_context(struct thing *context) {
    context->alive = 0;
    for (struct thing *thing = things; thing; thing = thing->next)
        if (thing->alive && thing->context == context) thing->alive = 0, orphans++;
    sticky = 0;
}

/* Finishes the copies that are staged in a stream. */
static void finish_copies(void *stream) {
    struct copy **place = &staged;
    while (*place) {
        struct copy *copy = *place;
        if (copy->stream != stream) { place = &copy->next; continue; }
        memcpy(copy->to, copy->from, copy->bytes);
        *place = copy->next;
        free(copy->from), free(copy);
    }
}

/* As the real one may: the bytes are only staged when it returns. */
static unsigned stage(void *to, const void *from, size_t bytes, void *stream) {
    struct copy *copy = malloc(sizeof *copy), **last = &staged;
    if (!copy || !(copy->from = malloc(bytes))) abort();
    memcpy(copy->from, from, bytes);
    copy->to = to, copy->bytes = bytes, copy->stream = stream, copy->next = NULL;
    while (*last) last = &(*last)->next;
    *last = copy;
    return OK;
}

static int is_busy(struct thing *stream) {
    if (stream) return stream->busy;
    /* The legacy default stream waits for every stream that does not opt out. */
    for (struct thing *thing = things; thing; thing = thing->next)
        if (thing->alive && thing->kind == STREAM && thing->blocking && thing->busy) return 1;
    return default_stream.busy;
}

/* Waits until what is in a stream has ended. The lock is given up meanwhile. */
static void finish_stream(struct thing *stream) {
    while (is_busy(stream)) pthread_cond_wait(&ended, &lock);
    finish_copies(stream);
}

static struct thing *owner(uintptr_t address, enum kind kind) {
    for (struct thing *thing = things; thing; thing = thing->next)
        if (thing->alive && thing->kind == kind && (uintptr_t)thing->memory == address) return thing;
    return NULL;
}

static unsigned allocate(enum kind kind, size_t bytes, void **memory) {
    if (!bytes) return INVALID_VALUE;
    if (bytes > memory_limit) return OUT_OF_MEMORY;
    void *start = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);
    if (!start) return OUT_OF_MEMORY;
    /* Fresh memory holds anything. */
    memset(start, 0xa5, bytes);
    make(kind, now())->memory = start;
    *memory = start;
    return OK;
}

/* The memory itself is kept: a use after its end must show as wrong data, not as a crash of the test. */
static unsigned release(const char *call, enum kind kind, enum kind other, uintptr_t address) {
    struct thing *thing = owner(address, kind);
    if (!thing) thing = owner(address, other);
    if (!thing) { note(call, "no such memory"); return INVALID_VALUE; }
    if (event_answer == NOT_READY) note(call, "would wait for a kernel");
    thing->alive = 0;
    return OK;
}

/* BEGIN(name) { ... } END: a function that needs the driver to be initialised, PLAIN; a current context, IN_CONTEXT. */
#define FUNCTION(name, needs, ...)                                          \
    EXPORT unsigned name(__VA_ARGS__) {                                     \
        static const char *const call = #name;                              \
        pthread_mutex_lock(&lock);                                          \
        unsigned code = enter(call);                                        \
        if (!code) code = needs();                                          \
        if (code) { pthread_mutex_unlock(&lock); return code; }             \
        (void)call;
#define END(result)                                                         \
        code = (result);                                                    \
        pthread_mutex_unlock(&lock);                                        \
        return code;                                                        \
    }

static unsigned nothing(void) { return OK; }
static unsigned start(void) { return is_initialized ? OK : NOT_INITIALIZED; }
static unsigned context(void) {
    if (!is_initialized) return NOT_INITIALIZED;
    if (!now() || !now()->alive) return INVALID_CONTEXT;
    return sticky;
}

/* For what may not be called while any thread captures a stream. */
static unsigned careful(void) {
    unsigned code = context();
    if (code || capture_mode) return code;
    for (struct thing *thing = things; thing; thing = thing->next)
        if (thing->alive && thing->kind == STREAM && thing->captured) { note("a call", "disturbs a capture"); return UNSUPPORTED; }
    return OK;
}

FUNCTION(cuInit, nothing, unsigned flags)
    is_initialized = 1;
END(flags ? INVALID_VALUE : OK)

FUNCTION(cuDriverGetVersion, nothing, int *version)
    *version = 12000;
END(OK)

EXPORT unsigned cuGetErrorName(unsigned error, const char **text) {
    static const struct { unsigned code; const char *name; } NAMES[] = {
        { 1, "CUDA_ERROR_INVALID_VALUE" }, { 2, "CUDA_ERROR_OUT_OF_MEMORY" }, { 3, "CUDA_ERROR_NOT_INITIALIZED" },
        { 100, "CUDA_ERROR_NO_DEVICE" }, { 101, "CUDA_ERROR_INVALID_DEVICE" }, { 201, "CUDA_ERROR_INVALID_CONTEXT" },
        { 218, "CUDA_ERROR_INVALID_PTX" }, { 400, "CUDA_ERROR_INVALID_HANDLE" }, { 500, "CUDA_ERROR_NOT_FOUND" },
        { 700, "CUDA_ERROR_ILLEGAL_ADDRESS" }, { 719, "CUDA_ERROR_LAUNCH_FAILED" }, { 999, "CUDA_ERROR_UNKNOWN" },
    };
    *text = NULL;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (NAMES[i].code == error) { *text = NAMES[i].name; return OK; }
    return INVALID_VALUE;
}

EXPORT unsigned cuGetErrorString(unsigned error, const char **text) {
    *text = NULL;
    if (cuGetErrorName(error, text)) return INVALID_VALUE;
    *text = "the fake driver says so";
    return OK;
}

FUNCTION(cuDeviceGetCount, start, int *count)
    *count = 1;
END(OK)

FUNCTION(cuDeviceGet, start, int *device, int ordinal)
    *device = 0;
END(ordinal ? INVALID_DEVICE : OK)

FUNCTION(cuDeviceGetName, start, char *name, int len, int device)
    snprintf(name, (size_t)len, "Perdix fake device (no GPU)");
END(device ? INVALID_DEVICE : OK)

FUNCTION(cuDeviceGetAttribute, start, int *value, unsigned attribute, int device)
    *value = attribute == 89 ? has_managed : attribute == 75 ? 7 : 0;
END(device ? INVALID_DEVICE : OK)

FUNCTION(cuDeviceGetPCIBusId, start, char *text, int len, int device)
    snprintf(text, (size_t)len, "0000:FA:CE.0");
END(device ? INVALID_DEVICE : OK)

FUNCTION(cuDevicePrimaryCtxRetain, start, void **handle, int device)
    if (!device && !retained++) primary = make(CONTEXT, NULL);
    *handle = primary;
END(device ? INVALID_DEVICE : OK)

FUNCTION(cuDevicePrimaryCtxRelease_v2, start, int device)
    code = device ? INVALID_DEVICE : OK;
    if (!code && !retained) note(call, "released more often than retained"), code = INVALID_CONTEXT;
    else if (!code && !--retained) end_context(primary), primary = NULL;
END(code)

FUNCTION(cuCtxCreate_v2, start, void **handle, unsigned flags, int device)
    (void)flags;
    *handle = make(CONTEXT, NULL);
    if (depth < DEPTH) current[depth++] = *handle;
END(device ? INVALID_DEVICE : OK)

FUNCTION(cuCtxDestroy_v2, start, void *handle)
    code = is_alive(handle, CONTEXT) ? OK : INVALID_CONTEXT;
    if (!code) end_context(handle);
    if (!code && now() == handle) depth--;
END(code)

FUNCTION(cuCtxPushCurrent_v2, start, void *handle)
    code = is_alive(handle, CONTEXT) ? OK : INVALID_CONTEXT;
    if (!code && depth == DEPTH) note(call, "never popped"), code = INVALID_VALUE;
    if (!code) current[depth++] = handle;
END(code)

FUNCTION(cuCtxPopCurrent_v2, start, void **handle)
    *handle = now();
    code = depth ? OK : INVALID_CONTEXT;
    if (depth) depth--;
END(code)

FUNCTION(cuCtxGetCurrent, start, void **handle)
    *handle = now();
END(OK)

FUNCTION(cuCtxSetCurrent, start, void *handle)
    if (depth) depth--;
    if (handle) current[depth++] = handle;
END(OK)

FUNCTION(cuCtxGetDevice, context, int *device)
    *device = 0;
END(OK)

FUNCTION(cuMemAlloc_v2, careful, void **memory, size_t bytes)
END(allocate(DEVICE, bytes, memory))

FUNCTION(cuMemAllocManaged, careful, void **memory, size_t bytes, unsigned flags)
    (void)flags;
END(allocate(MANAGED, bytes, memory))

FUNCTION(cuMemHostAlloc, careful, void **memory, size_t bytes, unsigned flags)
    (void)flags;
END(allocate(PINNED, bytes, memory))

/* Registered memory counts as pinned. */
FUNCTION(cuMemHostRegister_v2, careful, void *memory, size_t bytes, unsigned flags)
    (void)flags;
    if (bytes && bytes <= memory_limit) make(PINNED, now())->memory = memory;
END(!bytes ? INVALID_VALUE : bytes <= memory_limit ? OK : OUT_OF_MEMORY)

FUNCTION(cuMemHostUnregister, context, uintptr_t memory)
END(release(call, PINNED, PINNED, memory))

FUNCTION(cuMemAdvise, context, uintptr_t memory, size_t bytes, unsigned advice, int place)
    (void)bytes, (void)advice, (void)place;
END(owner(memory, MANAGED) ? OK : INVALID_VALUE)

FUNCTION(cuMemHostGetDevicePointer_v2, context, uintptr_t *device, void *host, unsigned flags)
    (void)flags;
    *device = (uintptr_t)host;
END(owner((uintptr_t)host, PINNED) ? OK : INVALID_VALUE)

FUNCTION(cuMemFree_v2, careful, uintptr_t memory)
    for (struct copy *copy; (copy = staged);) finish_copies(copy->stream);
END(release(call, DEVICE, MANAGED, memory))

FUNCTION(cuMemFreeHost, careful, uintptr_t memory)
END(release(call, PINNED, PINNED, memory))

FUNCTION(cuMemcpyHtoD_v2, careful, void *to, const void *from, size_t bytes)
    finish_stream(NULL);
END(stage(to, from, bytes, NULL))

FUNCTION(cuMemcpyHtoDAsync_v2, context, void *to, const void *from, size_t bytes, void *stream)
    code = !stream || is_alive(stream, STREAM) ? OK : INVALID_HANDLE;
END(code ? code : stage(to, from, bytes, stream))

FUNCTION(cuMemcpyDtoH_v2, careful, void *to, const void *from, size_t bytes)
    finish_stream(NULL);
    memcpy(to, from, bytes);
END(OK)

/* From pageable memory it returns when the copy is done. */
FUNCTION(cuMemcpyDtoHAsync_v2, context, void *to, const void *from, size_t bytes, void *stream)
    code = !stream || is_alive(stream, STREAM) ? OK : INVALID_HANDLE;
    if (!code) finish_stream(stream), memcpy(to, from, bytes);
END(code)

FUNCTION(cuStreamCreate, context, struct thing **stream, unsigned flags)
    *stream = make(STREAM, now());
    (*stream)->blocking = !(flags & 1);
END(OK)

FUNCTION(cuStreamDestroy_v2, context, void *stream)
    code = is_alive(stream, STREAM) ? OK : INVALID_HANDLE;
    if (code) note(call, "no such stream"); else ((struct thing *)stream)->alive = 0;
END(code)

FUNCTION(cuStreamSynchronize, context, void *stream)
    code = !stream || is_alive(stream, STREAM) ? OK : INVALID_HANDLE;
    if (!code) finish_stream(stream);
END(code)

FUNCTION(cuStreamIsCapturing, context, struct thing *stream, unsigned *status)
    code = !stream || is_alive(stream, STREAM) ? OK : INVALID_HANDLE;
    if (!code) *status = (unsigned)(stream ? stream : &default_stream)->captured;
END(code)

/* Neither counted nor failing: it goes with nearly every other call, and concerns captures alone. */
EXPORT unsigned cuThreadExchangeStreamCaptureMode(unsigned *mode) {
    unsigned before = capture_mode;
    capture_mode = *mode, *mode = before;
    return OK;
}

FUNCTION(cuEventCreate, context, void **event, unsigned flags)
    (void)flags;
    *event = make(EVENT, now());
END(OK)

FUNCTION(cuEventRecord, context, struct thing *event, struct thing *stream)
    code = is_alive(event, EVENT) && (!stream || is_alive(stream, STREAM)) ? OK : INVALID_HANDLE;
    if (!code) event->captured = (stream ? stream : &default_stream)->captured;
END(code)

/* An event that was recorded in a capture marks a place in the graph. */
FUNCTION(cuEventQuery, careful, struct thing *event)
    code = is_alive(event, EVENT) ? event->captured ? INVALID_VALUE : event_answer : INVALID_HANDLE;
END(code)

FUNCTION(cuEventDestroy_v2, context, void *event)
    code = is_alive(event, EVENT) ? OK : INVALID_HANDLE;
    if (code) note(call, "no such event"); else ((struct thing *)event)->alive = 0;
END(code)

static unsigned load(void **module, const char *text, unsigned options, const unsigned *names, void **values) {
    if (!strncmp(text, ".version", 8) && strstr(text, ".target")) {
        struct thing *thing = make(MODULE, now());
        thing->text = strdup(text);
        *module = thing;
        return OK;
    }
    char *log = NULL;
    size_t bytes = 0;
    for (unsigned i = 0; i < options; i++) {
        if (names[i] == 5) log = values[i];
        if (names[i] == 6) bytes = (uintptr_t)values[i];
    }
    if (log && bytes) snprintf(log, bytes, "fake ptxas, line 1; fatal: no .version or .target");
    return INVALID_PTX;
}

FUNCTION(cuModuleLoadDataEx, careful, void **module, const void *text, unsigned options, unsigned *names, void **values)
END(load(module, text, options, names, values))

FUNCTION(cuModuleUnload, careful, void *module)
    code = is_alive(module, MODULE) ? OK : INVALID_HANDLE;
    if (code) note(call, "no such module"); else ((struct thing *)module)->alive = 0;
    if (!code && ((struct thing *)module)->busy) note(call, "the module's kernels run");
END(code)

static unsigned find(void **handle, struct thing *module, const char *name) {
    char entry[160];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    if (!is_alive(module, MODULE)) return INVALID_HANDLE;
    if (!strstr(module->text, entry)) return NOT_FOUND;
    struct function *function = calloc(1, sizeof *function);
    if (!function) abort();
    function->module = module, function->next = functions, functions = function;
    snprintf(function->name, sizeof function->name, "%s", name);
    *handle = function;
    return OK;
}

FUNCTION(cuModuleGetFunction, context, void **function, void *module, const char *name)
END(find(function, module, name))

EXPORT unsigned cuLaunchKernel(void *handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                               unsigned shared, void *stream, void **arguments, void **extra) {
    (void)gx, (void)gy, (void)gz, (void)shared, (void)extra;
    pthread_mutex_lock(&lock);
    struct function *function = handle;
    unsigned code = enter("cuLaunchKernel");
    if (!code) code = context();
    if (!code && (!is_alive(function->module, MODULE) || (stream && !is_alive(stream, STREAM)))) code = INVALID_HANDLE;
    if (!code && (function->module->context != now() || (stream && ((struct thing *)stream)->context != now()))) code = INVALID_HANDLE;
    if (!code && (!bx || (unsigned long)bx * by * bz > 1024)) code = INVALID_VALUE;
    if (!code && staged) note("cuLaunchKernel", "a copy to the device may still be staged");
    struct thing *in = stream ? stream : &default_stream;
    void (*run)(const char *, void **) = code || in->captured ? NULL : on_launch;
    if (run && event_answer == NOT_READY) in->busy = function->module->busy = 1;
    pthread_mutex_unlock(&lock);
    if (run) run(function->name, arguments);
    return code;
}
