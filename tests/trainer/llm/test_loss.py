import torch
from torch.nn.functional import cross_entropy

from trainer.llm.loss import soft_token_loss, token_loss


def test_equals_cross_entropy_and_its_gradient() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(700, 16, requires_grad=True)  # more than one chunk, the last not full
    head = torch.randn(50, 16)
    targets = torch.randint(0, 50, (700,))
    weights = torch.rand(700)
    losses = token_loss(hidden, head, targets)
    (losses * weights).sum().backward()
    mine, hidden.grad = hidden.grad, None
    expected = cross_entropy(hidden @ head.T, targets, reduction="none")
    (expected * weights).sum().backward()
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(mine, hidden.grad)


def test_needs_no_gradient_to_evaluate() -> None:
    losses = token_loss(torch.randn(3, 4), torch.randn(5, 4), torch.tensor([0, 1, 4]))
    assert losses.shape == (3,)
    assert not losses.requires_grad


def test_equals_cross_entropy_with_distributions_and_its_gradient() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(300, 16, requires_grad=True)
    head = torch.randn(50, 16)
    targets = torch.randint(0, 50, (300, 3))
    targets[:, 2] = targets[:, 0]  # named twice, it has both shares
    shares = torch.rand(300, 3).softmax(-1)
    losses = soft_token_loss(hidden, head, targets, shares)
    losses.sum().backward()
    mine, hidden.grad = hidden.grad, None
    whole = torch.zeros(300, 50).scatter_add_(1, targets, shares)
    expected = cross_entropy(hidden @ head.T, whole, reduction="none")
    expected.sum().backward()
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(mine, hidden.grad)
