;; Recursive calls: what a check at every function entry costs most.
(component
  (core module $code
    (func $fib (export "run") (param $n i32) (result i32)
      (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
        (then (local.get $n))
        (else
          (i32.add
            (call $fib (i32.sub (local.get $n) (i32.const 1)))
            (call $fib (i32.sub (local.get $n) (i32.const 2))))))))
  (core instance $skill (instantiate $code))
  (func (export "run") (param "rounds" u32) (result u32) (canon lift (core func $skill "run"))))
