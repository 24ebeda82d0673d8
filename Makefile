# Every task lives in tasks.py; this lets people type `make demo`.
.PHONY: demo setup check fix test warehouse docs bench coverage fuzz lock
demo setup check fix test warehouse docs bench coverage fuzz lock:
	@python3 tasks.py $@
