# What the scripts of this folder know of the source, to be read by them from its root: TREE and TARGET_DIR (folders),
# VERSION, REVISION (the commit, marked if files differ from it; may be empty) and SOURCE_DATE_EPOCH (seconds).
# shellcheck shell=sh disable=SC2034

TREE=$(pwd -P)
TARGET_DIR=${CARGO_TARGET_DIR:-target}
case $TARGET_DIR in
/*) ;;
*) TARGET_DIR=$TREE/$TARGET_DIR ;;
esac

VERSION=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)

# Not the git of a checkout that this source lies in as a part.
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$TREE" ]; then
    REVISION=${PULLAGENT_REVISION-$(git describe --always --abbrev=12 --exclude='*' --dirty)}
    : "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
fi
REVISION=${REVISION-${PULLAGENT_REVISION-}}
# The day on which this was first packaged, for a source that does not know its own.
: "${SOURCE_DATE_EPOCH:=1780272000}"
export SOURCE_DATE_EPOCH
