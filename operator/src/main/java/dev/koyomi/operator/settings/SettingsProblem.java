package dev.koyomi.operator.settings;

import java.util.List;

/** The environment cannot be worked by, for all of these reasons. */
public final class SettingsProblem extends Exception {
  private static final long serialVersionUID = 1;

  /** One sentence each. */
  public SettingsProblem(List<String> problems) {
    super(String.join("\n", problems));
  }
}
