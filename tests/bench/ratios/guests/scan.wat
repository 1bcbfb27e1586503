;; Counts strings and braces in a JSON text, byte by byte: branches that depend on the data.
(component
  (core module $code
    (memory 1)
    (data (i32.const 0)
      "{\"customer\":{\"name\":\"Acme \\\"Best\\\" Ltd\",\"email\":\"ops@acme.example\"},\"accepted\":[1,2,3]}")
    (func $text (param $depth i32) (result i32)
      (local $at i32)
      (local $byte i32)
      (local $inside i32)
      (loop $on
        (local.set $byte (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.eq (local.get $byte) (i32.const 92))
          (then (local.set $at (i32.add (local.get $at) (i32.const 1))))
          (else
            (if (i32.eq (local.get $byte) (i32.const 34))
              (then (local.set $inside (i32.xor (local.get $inside) (i32.const 1))))
              (else
                (if (i32.eqz (local.get $inside))
                  (then
                    (if (i32.eq (local.get $byte) (i32.const 123))
                      (then (local.set $depth (i32.add (local.get $depth) (i32.const 1)))))
                    (if (i32.eq (local.get $byte) (i32.const 125))
                      (then (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))))
                    (if (i32.eq (local.get $byte) (i32.const 44))
                      (then (local.set $depth (i32.add (local.get $depth) (i32.const 7)))))))))))
        (br_if $on (local.get $byte)))
      (local.get $depth))
    (func (export "run") (param $rounds i32) (result i32)
      (local $depth i32)
      (loop $on
        (local.set $depth (call $text (local.get $depth)))
        (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
        (br_if $on (local.get $rounds)))
      (local.get $depth)))
  (core instance $skill (instantiate $code))
  (func (export "run") (param "rounds" u32) (result u32) (canon lift (core func $skill "run"))))
