;; Sorts 4,096 numbers by Shell's method, again and again: tight loops over memory.
(component
  (core module $code
    (memory 1)
    (func $fill
      (local $at i32)
      (local $x i32)
      (local.set $x (i32.const 0x2545f491))
      (loop $on
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
        (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
        (i32.store (local.get $at) (local.get $x))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $on (i32.lt_u (local.get $at) (i32.const 16384)))))
    ;; Moves the number at $at down, $gap bytes at a time, until the one before is not larger.
    (func $sink (param $at i32) (param $gap i32)
      (local $value i32)
      (local.set $value (i32.load (local.get $at)))
      (block $placed
        (loop $on
          (br_if $placed (i32.lt_u (local.get $at) (local.get $gap)))
          (br_if $placed
            (i32.le_u (i32.load (i32.sub (local.get $at) (local.get $gap))) (local.get $value)))
          (i32.store (local.get $at) (i32.load (i32.sub (local.get $at) (local.get $gap))))
          (local.set $at (i32.sub (local.get $at) (local.get $gap)))
          (br $on)))
      (i32.store (local.get $at) (local.get $value)))
    (func $sort
      (local $gap i32)
      (local $at i32)
      (local.set $gap (i32.const 8192))
      (loop $narrower
        (local.set $at (local.get $gap))
        (loop $on
          (call $sink (local.get $at) (local.get $gap))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $on (i32.lt_u (local.get $at) (i32.const 16384))))
        (local.set $gap (i32.shr_u (local.get $gap) (i32.const 1)))
        (br_if $narrower (i32.ge_u (local.get $gap) (i32.const 4)))))
    (func (export "run") (param $rounds i32) (result i32)
      (loop $on
        (call $fill)
        (call $sort)
        (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
        (br_if $on (local.get $rounds)))
      (i32.load (i32.const 0))))
  (core instance $skill (instantiate $code))
  (func (export "run") (param "rounds" u32) (result u32) (canon lift (core func $skill "run"))))
