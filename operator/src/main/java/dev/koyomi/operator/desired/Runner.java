package dev.koyomi.operator.desired;

/**
 * The runner that the operator was installed with.
 *
 * @param image its image
 * @param pullPolicy imagePullPolicy of all runner pods
 */
public record Runner(String image, String pullPolicy) {
  public static final String DEFAULT_PULL_POLICY = "IfNotPresent";
}
