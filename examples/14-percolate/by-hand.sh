# What somebody does by hand for each release: the notes are drafted, then what was drafted is checked.
log='1bbe0d2 feat: open the door by itself\n2cc9f11 fix: close the door in the wind\n'
kapell call kapell:release-notes draft "{\"version\": \"$1\", \"log\": \"$log\"}" > draft.json
markdown=$(grep '"markdown"' draft.json | sed 's/,$//')
kapell call kapell:prose-lint check "{$markdown}"
