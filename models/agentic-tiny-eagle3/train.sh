#!/usr/bin/env bash
# Trains the head beside this file for whichever weights models/agentic-tiny holds. Needs node, and .NET with room for libtorch (0.6 GB).
# train.sh [WORK]: what is in between goes to WORK; given again after an interruption, it goes on there.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${1:-$(mktemp -d)}
mkdir -p "$work"
node loadtests/world/emit.mjs 0 5000 > "$work/data.jsonl"             # seeds that the model was trained on too
node loadtests/world/emit.mjs 1000000 50 > "$work/held-out.jsonl"     # seeds that nothing was trained on
dotnet run -c Release --project Proxy -p:Torch=true -- train-draft --model models/agentic-tiny --out "$work/head" \
  --data "$work/data.jsonl" --held-out "$work/held-out.jsonl" --regenerate 0 \
  --layout speculators --intermediate 384 --draft-vocabulary 1024 --epochs 1 --evaluate-every 150 --threads 1 \
  $([ -d "$work/head/checkpoint" ] && echo --resume)
cp "$work/head/config.json" "$work/head/model.safetensors" "$work/head/training.json" models/agentic-tiny-eagle3/
