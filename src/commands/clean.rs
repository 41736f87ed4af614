pub(super) fn sweep() {}
