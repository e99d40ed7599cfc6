steps_and_answer() { steps "$@"; answer_soon; }
