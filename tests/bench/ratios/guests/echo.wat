;; The smallest skill: a text in, the same text out. Its memory is as large as a small Rust skill's.
(component
  (core module $code
    (memory (export "memory") 40)
    (data (i32.const 1024) "MARK")
    (global $top (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $top))
      (global.set $top
        (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 15)) (i32.const -16)))
      (local.get $at))
    (func (export "run") (param $text i32) (param $length i32) (result i32)
      (i32.store (i32.const 16) (local.get $text))
      (i32.store (i32.const 20) (local.get $length))
      (i32.const 16)))
  (core instance $skill (instantiate $code))
  (func (export "run") (param "text" string) (result string)
    (canon lift (core func $skill "run")
      (memory (core memory $skill "memory")) (realloc (core func $skill "cabi_realloc")))))
