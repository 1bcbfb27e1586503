;; Reads the file `data` of the first directory it is lent, as standard libraries do: through a stream, 64 KiB at a
;; time, to its end; answers with how many bytes that were. A core module: the names are those of the component model's
;; own ABI, and `guests.rs` makes a component of it.
(module
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $directories (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
    (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read-via-stream"
    (func $stream (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (memory (export "memory") 4)
  (data (i32.const 16) "data")
  (global $free (mut i32) (i32.const 4096))
  ;; What the host hands over stands where the last stood: each is looked at before the next is asked for.
  (func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "run") (param $rounds i32) (result i32)
    (local $total i32) (local $stream i32)
    (call $directories (i32.const 64))
    (call $open
      (i32.load (i32.load (i32.const 64)))
      (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 80))
    (if (i32.load8_u (i32.const 80)) (then unreachable))
    (call $stream (i32.load (i32.const 84)) (i64.const 0) (i32.const 96))
    (if (i32.load8_u (i32.const 96)) (then unreachable))
    (local.set $stream (i32.load (i32.const 100)))
    (block $end
      (loop $more
        (global.set $free (i32.const 4096))
        (call $read (local.get $stream) (i64.const 65536) (i32.const 112))
        (br_if $end (i32.load8_u (i32.const 112)))
        (local.set $total (i32.add (local.get $total) (i32.load (i32.const 120))))
        (br $more)))
    (local.get $total)))
