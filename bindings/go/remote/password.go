package remote

import (
	"errors"
	"runtime/debug"
	"unicode/utf8"

	"hotbackup"
	"hotbackup/internal/lent"
)

type passwordFunc func() (string, error)

// password is what gives it; nil: nothing here does.
func (o Options) password() (passwordFunc, error) {
	text, function := o.Password, o.PasswordFunc
	switch {
	case text != "" && function != nil:
		return nil, lent.Invalid("both a password and a password function are given")
	case text != "":
		return func() (string, error) { return text, nil }, nil
	}
	return function, nil
}

// ask calls a password function. One that ends its goroutine ends the process: the C code that called it
// would never go on.
func ask(password passwordFunc) (text string, failed error) {
	ended := true
	defer func() {
		if ended {
			go panic("hotbackup: a password function ended its goroutine (runtime.Goexit or t.FailNow)")
			select {}
		}
	}()
	text, failed = guarded(password)
	ended = false
	switch {
	case failed != nil:
	case text == "":
		failed = errors.New("the password is empty")
	case !utf8.ValidString(text):
		failed = errors.New("the password is not UTF-8")
	}
	return text, failed
}

// guarded turns a panic into an error: it must not unwind through C. So does the error's own method.
func guarded(password passwordFunc) (text string, failed error) {
	returned := false
	defer func() {
		if value := recover(); value != nil || !returned {
			text, failed = "", &hotbackup.PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	text, failed = password()
	if failed != nil {
		failed = errors.New(failed.Error())
	}
	returned = true
	return text, failed
}
