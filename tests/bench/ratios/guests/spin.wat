;; Works for ever: only the host can end it.
(component
  (core module $code
    (func (export "run") (param i32) (result i32) (loop $on (br $on)) (unreachable)))
  (core instance $skill (instantiate $code))
  (func (export "run") (param "rounds" u32) (result u32) (canon lift (core func $skill "run"))))
