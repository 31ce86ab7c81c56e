"""Commands for people who have panoramas. Apart from `common`: a change here makes no training stale."""
