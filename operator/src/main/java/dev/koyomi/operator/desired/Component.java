package dev.koyomi.operator.desired;

/** What an object of a batch is there for: the value of the label {@link Labels#COMPONENT}. */
public enum Component {
  DEFINITION("definition"),
  TRIGGER("trigger"),
  WORKER("worker"),
  MIGRATE("migrate"),
  ACCOUNT("account");

  private final String label;

  Component(String label) {
    this.label = label;
  }

  /** The label's value. */
  public String label() {
    return label;
  }
}
