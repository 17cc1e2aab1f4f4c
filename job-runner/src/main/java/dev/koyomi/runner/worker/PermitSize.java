package dev.koyomi.runner.worker;

/**
 * How many jobs a slot asks the rate for at a time: about as many as it begins before the permit
 * lapses, since what lapses is lost to the others.
 */
final class PermitSize {
  private final int most;
  private int wanted;

  /**
   * @param most a slot has of a rate at a time
   */
  PermitSize(int most) {
    this.most = most;
    this.wanted = most;
  }

  synchronized int wanted() {
    return wanted;
  }

  /** A permit for so many jobs has ended after so many had begun. */
  synchronized void used(int permitted, int begun) {
    wanted = begun < permitted ? Math.max(1, begun) : Math.min(most, Math.max(wanted, 2 * begun));
  }
}
