package dev.koyomi.crds.plan;

import java.util.ArrayList;
import java.util.List;

/** The list of what is wrong, in the order in which it is found; nothing is said twice. */
final class Problems {
  private final List<Problem> found = new ArrayList<>();

  void add(String field, String message) {
    Problem problem = new Problem(field, message);
    if (!found.contains(problem)) {
      found.add(problem);
    }
  }

  /** Whether something within the field is wrong already. */
  boolean within(String field) {
    return found.stream().anyMatch(problem -> problem.field().startsWith(field + "."));
  }

  boolean none() {
    return found.isEmpty();
  }

  List<Problem> all() {
    return List.copyOf(found);
  }
}
