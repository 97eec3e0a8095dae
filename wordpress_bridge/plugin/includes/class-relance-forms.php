<?php
/**
 * Forms: Contact Form 7, WPForms, Gravity Forms. Which are there, which fields mean what, and what somebody sent.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * A form is named by its plugin and its number: "cf7:5". What nobody switched on is never sent.
 */
class Relance_Forms {

	const LONGEST = 500;

	/**
	 * Where the form plugins call us.
	 */
	public static function hooks() {
		add_action( 'wpcf7_submit', array( __CLASS__, 'contact_form_7' ), 10, 2 );
		add_action( 'wpforms_process_complete', array( __CLASS__, 'wpforms' ), 10, 4 );
		add_action( 'gform_after_submission', array( __CLASS__, 'gravity' ), 10, 2 );
	}

	/**
	 * The form plugins that are here.
	 *
	 * @return array Key => name.
	 */
	public static function plugins() {
		return array_filter(
			array(
				'cf7'     => class_exists( 'WPCF7_ContactForm' ) ? 'Contact Form 7' : '',
				'wpforms' => function_exists( 'wpforms' ) ? 'WPForms' : '',
				'gravity' => class_exists( 'GFAPI' ) ? 'Gravity Forms' : '',
			)
		);
	}

	/**
	 * Every form that is here, with its fields.
	 *
	 * @return array "plugin:id" => name, plugin, fields (key => label, type).
	 */
	public static function all() {
		$forms = array();
		if ( class_exists( 'WPCF7_ContactForm' ) ) {
			foreach ( (array) WPCF7_ContactForm::find() as $form ) {
				$fields = array();
				foreach ( (array) $form->scan_form_tags() as $tag ) {
					if ( '' !== (string) $tag->name ) {
						$label                = '' !== (string) $tag->content ? $tag->content : $tag->name;
						$fields[ $tag->name ] = array( wp_strip_all_tags( (string) $label ), (string) $tag->basetype );
					}
				}
				$forms[ 'cf7:' . $form->id() ] = array( $form->title(), 'Contact Form 7', $fields );
			}
		}
		if ( function_exists( 'wpforms' ) && isset( wpforms()->form ) ) {
			foreach ( (array) wpforms()->form->get() as $post ) {
				$data   = function_exists( 'wpforms_decode' ) ? wpforms_decode( $post->post_content ) : json_decode( $post->post_content, true );
				$fields = array();
				foreach ( isset( $data['fields'] ) ? (array) $data['fields'] : array() as $field ) {
					$choice = isset( $field['choices'] ) ? implode( ' ', wp_list_pluck( (array) $field['choices'], 'label' ) ) : '';
					$label  = trim( ( isset( $field['label'] ) ? $field['label'] : '' ) . ' ' . $choice );

					$fields[ (string) $field['id'] ] = array( wp_strip_all_tags( $label ), (string) $field['type'] );
				}
				$forms[ 'wpforms:' . $post->ID ] = array( $post->post_title, 'WPForms', $fields );
			}
		}
		if ( class_exists( 'GFAPI' ) ) {
			foreach ( (array) GFAPI::get_forms() as $form ) {
				$forms[ 'gravity:' . $form['id'] ] = array( $form['title'], 'Gravity Forms', self::gravity_fields( $form ) );
			}
		}
		return $forms;
	}

	/**
	 * The fields of a form of Gravity Forms; a box to tick has a key of its own ("5.1").
	 *
	 * @param array $form The form.
	 * @return array
	 */
	private static function gravity_fields( $form ) {
		$fields = array();
		foreach ( isset( $form['fields'] ) ? (array) $form['fields'] : array() as $field ) {
			$field  = (object) $field;
			$label  = (string) $field->label;
			$inputs = isset( $field->inputs ) && is_array( $field->inputs ) ? $field->inputs : array();
			if ( in_array( $field->type, array( 'checkbox', 'consent' ), true ) && $inputs ) {
				$words  = isset( $field->checkboxLabel ) ? $field->checkboxLabel : ''; // phpcs:ignore WordPress.NamingConventions.ValidVariableName
				$choice = isset( $field->choices[0]['text'] ) ? $field->choices[0]['text'] : '';

				$fields[ (string) $inputs[0]['id'] ] = array( wp_strip_all_tags( trim( $label . ' ' . $words . ' ' . $choice ) ), (string) $field->type );
				continue;
			}
			$fields[ (string) $field->id ] = array( wp_strip_all_tags( $label ), (string) $field->type );
		}
		return $fields;
	}

	/**
	 * Which field means what, as far as names and types tell. A box counts as a yes to text messages only when its own
	 * words speak of them: a general "I accept" does not.
	 *
	 * @param array $fields Key => label, type.
	 * @return array phone, name, email, consent => key or ''.
	 */
	public static function guess( array $fields ) {
		$guess = array(
			'phone'   => '',
			'name'    => '',
			'email'   => '',
			'consent' => '',
		);
		$said  = array(
			'phone'   => array( '/^(tel|phone)$/i', '/t[eé]l|phone|mobile|portable|gsm|handy/iu' ),
			'email'   => array( '/^email$/i', '/e-?mail|courriel/i' ),
			'name'    => array( '/^name$/i', '/^(your-)?name|^(votre )?nom\b|pr[eé]nom|first.?name/iu' ),
			'consent' => array( '/^$/', '/\bsms\b|texto|text message/i' ),
		);
		foreach ( $fields as $key => list( $label, $type ) ) {
			$box = in_array( $type, array( 'checkbox', 'acceptance', 'consent', 'gdpr-checkbox' ), true );
			foreach ( $said as $what => list( $of_type, $of_words ) ) {
				$fits = preg_match( $of_type, $type ) || preg_match( $of_words, $label ) || preg_match( $of_words, (string) $key );
				if ( '' === $guess[ $what ] && $fits && ( 'consent' === $what ) === $box ) {
					$guess[ $what ] = (string) $key;
					break;
				}
			}
		}
		return $guess;
	}

	/**
	 * Contact Form 7. Sent or not by e-mail, the visitor has asked; spam and what was not accepted have not.
	 *
	 * @param WPCF7_ContactForm $form   The form.
	 * @param array             $result What became of it.
	 */
	public static function contact_form_7( $form, $result ) {
		$status = isset( $result['status'] ) ? $result['status'] : '';
		if ( ! in_array( $status, array( 'mail_sent', 'mail_failed' ), true ) || ! class_exists( 'WPCF7_Submission' ) ) {
			return;
		}
		$submission = WPCF7_Submission::get_instance();
		$values     = $submission ? (array) $submission->get_posted_data() : array();
		self::sent( 'cf7:' . $form->id(), $form->title(), '', $values );
	}

	/**
	 * WPForms.
	 *
	 * @param array $fields Id => name, value, type.
	 * @param array $entry  What was posted.
	 * @param array $form   The form.
	 * @param int   $number 0 in the free version.
	 */
	public static function wpforms( $fields, $entry, $form, $number ) {
		$values = array();
		foreach ( (array) $fields as $id => $field ) {
			$values[ (string) $id ] = isset( $field['value'] ) ? $field['value'] : '';
		}
		$title = isset( $form['settings']['form_title'] ) ? $form['settings']['form_title'] : '';
		self::sent( 'wpforms:' . ( isset( $form['id'] ) ? $form['id'] : '' ), $title, $number ? (string) $number : '', $values );
	}

	/**
	 * Gravity Forms.
	 *
	 * @param array $entry The entry.
	 * @param array $form  The form.
	 */
	public static function gravity( $entry, $form ) {
		if ( isset( $entry['status'] ) && 'active' !== $entry['status'] ) {
			return;
		}
		$values = array();
		foreach ( (array) $entry as $key => $value ) {
			if ( preg_match( '/^\d+(\.\d+)?$/', (string) $key ) ) {
				$values[ (string) $key ] = $value;
			}
		}
		self::sent( 'gravity:' . $form['id'], $form['title'], isset( $entry['id'] ) ? (string) $entry['id'] : '', $values );
	}

	/**
	 * Keeps what somebody sent, as far as the form is switched on and its fields are chosen.
	 *
	 * @param string $form   "plugin:id".
	 * @param string $title  The form's name.
	 * @param string $number The entry's number there, if it has one.
	 * @param array  $values Key => value.
	 */
	private static function sent( $form, $title, $number, array $values ) {
		$settings = Relance_Store::settings();
		$chosen   = isset( $settings['forms'][ $form ] ) ? $settings['forms'][ $form ] : array();
		if ( empty( $chosen['on'] ) || ! Relance_Store::connected() ) {
			return;
		}
		$value = static function ( $what ) use ( $chosen, $values ) {
			$key = isset( $chosen[ $what ] ) ? (string) $chosen[ $what ] : '';
			return '' === $key || ! isset( $values[ $key ] ) ? '' : self::text( $values[ $key ] );
		};
		$data  = array(
			'form'     => $form,
			'title'    => self::text( $title ),
			'entry'    => '' === $number ? Relance_Store::token() : $number,
			'phone'    => $value( 'phone' ),
			'name'     => $value( 'name' ),
			'email'    => $value( 'email' ),
			'country'  => Relance_Store::country(),
			'language' => Relance_Store::language(),
			'page'     => self::page(),
		);
		if ( ! empty( $chosen['consent'] ) && '' !== $value( 'consent' ) && ! empty( $chosen['sentence'] ) ) {
			$data['consent'] = self::proof( $chosen['sentence'], 'form' );
		}
		if ( ! empty( $chosen['alert'] ) && '' !== $settings['owner_phone'] ) {
			$data['owner'] = $settings['owner_phone'];
		}
		Relance_Queue::later(
			'form',
			$form . '/' . $data['entry'],
			static function () use ( $data ) {
				return $data;
			}
		);
	}

	/**
	 * What proves a yes: the words, their version, the place, the moment, by whom.
	 *
	 * @param string $sentence The words beside the box.
	 * @param string $way      How it was said.
	 * @return array
	 */
	public static function proof( $sentence, $way ) {
		return array(
			'granted' => true,
			'text'    => $sentence,
			'version' => Relance_Store::version_of( $sentence ),
			'place'   => self::page(),
			'at'      => time(),
			'ip'      => Relance_Store::ip(),
			'way'     => $way,
		);
	}

	/**
	 * The page on which the visitor was, without its query.
	 *
	 * @return string
	 */
	public static function page() {
		$referer = wp_get_raw_referer();
		$page    = $referer ? $referer : home_url( '/' );
		return substr( esc_url_raw( strtok( $page, '?#' ) ), 0, 250 );
	}

	/**
	 * One value as one line of text.
	 *
	 * @param mixed $value As the form plugin gives it.
	 * @return string
	 */
	public static function text( $value ) {
		$value = is_array( $value ) ? implode( ', ', array_filter( $value, 'is_scalar' ) ) : ( is_scalar( $value ) ? (string) $value : '' );
		return mb_substr( sanitize_text_field( $value ), 0, self::LONGEST );
	}
}
